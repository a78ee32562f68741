#!/usr/bin/env escript
%% One round of Erlang/OTP, for `run.py bench actors`: the same work as ours, by gen_server and
%% supervisor. Called with the round's name and its counts; prints one number.
%%
%%   calls CALLERS COUNT         gen_server:call round trips per second
%%   casts COUNT                 gen_server:cast messages handled per second
%%   starts_static COUNT         children per second, of one supervisor that starts with them
%%   starts_dynamic COUNT        supervisor:start_child calls per second
%%   restarts CHILDREN CRASHES   milliseconds from a crash until all of a group run again, median
%%   memory COUNT                bytes of the virtual machine per supervised idle gen_server
-module(otp).
-mode(compile).
-export([main/1, init/1, handle_call/3, handle_cast/2, start_server/1]).

main([Round | Counts]) ->
    ok = logger:set_primary_config(level, none), % crash reports would be the measurement
    process_flag(trap_exit, true),
    io:format("~p~n", [float(measure(Round, [list_to_integer(Count) || Count <- Counts]))]).

measure("calls", [Callers, Count]) ->
    {ok, Server} = start_server(quiet),
    Each = Count div Callers,
    0 = gen_server:call(Server, 0),
    Began = now_ns(),
    Running = [spawn_monitor(fun() -> call(Server, Each) end) || _ <- lists:seq(1, Callers)],
    [receive {'DOWN', Ref, process, Pid, normal} -> ok end || {Pid, Ref} <- Running],
    per_second(Each * Callers, Began);
measure("casts", [Count]) ->
    {ok, Server} = start_server(quiet),
    Began = now_ns(),
    [gen_server:cast(Server, Number) || Number <- lists:seq(1, Count)],
    0 = gen_server:call(Server, 0), % comes after all of them
    per_second(Count, Began);
measure("starts_static", [Count]) ->
    Specs = [spec(Number, quiet) || Number <- lists:seq(1, Count)],
    Began = now_ns(),
    {ok, _} = supervisor:start_link(?MODULE, {supervisor, one_for_one, Specs}),
    per_second(Count, Began);
measure("starts_dynamic", [Count]) ->
    {ok, Supervisor} = dynamic(),
    Began = now_ns(),
    [{ok, _} = supervisor:start_child(Supervisor, []) || _ <- lists:seq(1, Count)],
    per_second(Count, Began);
measure("restarts", [Children, Crashes]) ->
    Specs = [spec(Number, {tell, self()}) || Number <- lists:seq(1, Children)],
    {ok, _} = supervisor:start_link(?MODULE, {supervisor, one_for_all, Specs}),
    First = started(Children, undefined),
    median(restarts(First, Children, Crashes));
measure("memory", [Count]) ->
    {ok, Supervisor} = dynamic(),
    Before = collected(),
    [{ok, _} = supervisor:start_child(Supervisor, []) || _ <- lists:seq(1, Count)],
    (collected() - Before) / Count.

%% Bytes in use once every process has collected: what the compiler of this script left behind
%% in another one would else be taken off the figure.
collected() ->
    [erlang:garbage_collect(Process) || Process <- processes()],
    erlang:memory(total).

call(_, 0) -> ok;
call(Server, Number) ->
    Number = gen_server:call(Server, Number),
    call(Server, Number - 1).

%% Any child of the group may be the one that crashes: all of them start again.
restarts(_, _, 0) -> [];
restarts(Child, Children, Crashes) ->
    gen_server:cast(Child, {crash, self()}),
    Began = receive {crashing, At} -> At end,
    Next = started(Children, undefined),
    Took = (now_ns() - Began) / 1.0e6,
    [Took | restarts(Next, Children, Crashes - 1)].

started(0, Last) -> Last;
started(Missing, _) -> receive {started, Pid} -> started(Missing - 1, Pid) end.

spec(Id, Mode) ->
    #{id => Id, start => {?MODULE, start_server, [Mode]}}.

dynamic() ->
    supervisor:start_link(?MODULE, {supervisor, simple_one_for_one, [spec(server, quiet)]}).

%% The callbacks of both behaviours.

start_server(Mode) -> gen_server:start_link(?MODULE, {server, Mode}, []).

init({supervisor, Strategy, Specs}) ->
    {ok, {#{strategy => Strategy, intensity => 1000000, period => 1}, Specs}};
init({server, quiet}) -> {ok, 0};
init({server, {tell, Whom}}) ->
    Whom ! {started, self()},
    {ok, 0}.

handle_call(Message, _From, State) -> {reply, Message, State}.

handle_cast({crash, Whom}, _) ->
    Whom ! {crashing, now_ns()},
    error(as_asked);
handle_cast(_, State) -> {noreply, State + 1}.

%% Arithmetic

now_ns() -> erlang:monotonic_time(nanosecond).

per_second(Count, Began) -> Count * 1.0e9 / (now_ns() - Began).

median(Values) ->
    Sorted = lists:sort(Values),
    Half = length(Sorted) div 2,
    case length(Sorted) rem 2 of
        1 -> lists:nth(Half + 1, Sorted);
        0 -> (lists:nth(Half, Sorted) + lists:nth(Half + 1, Sorted)) / 2
    end.
