"""OTP's supervision on trio: trees of actors and workers that restart, stop and call in order."""

from supervisors.actor import DEFERRED, Actor, Deferred, Timer
from supervisors.admission import AdmissionStatistics, RestartAdmission
from supervisors.caller import Caller, Envelope
from supervisors.change import FieldChange, SpecPlan, StalePlan
from supervisors.context import Context
from supervisors.diagnostics.crash_report import (
    CrashReport,
    crash_report,
    fingerprint_of,
    is_crash,
)
from supervisors.diagnostics.crash_report import headline as crash_headline
from supervisors.diagnostics.hogs import Hog, Hogs, HogsStatistics
from supervisors.diagnostics.masking import masked_text
from supervisors.diagnostics.watchdog import Stall, StallWatchdog
from supervisors.errors import (
    AmbiguousName,
    BudgetSpent,
    CallCycle,
    CallTimeout,
    ChildRefused,
    Ignore,
    InvalidSpec,
    MailboxFull,
    NameTaken,
    NoChild,
    NoProcess,
    NotQuarantined,
    ProcessDown,
    Quarantined,
    RootFailed,
    StartFailed,
    SupervisionError,
    Unanswered,
    UnknownMessage,
    collapse,
    describe,
)
from supervisors.events import Event, EventKind
from supervisors.explain import Explanation
from supervisors.groups import Group, GroupChange
from supervisors.mailbox import Mailbox, MailboxStatistics, Overflow
from supervisors.monitors import Down, Monitor
from supervisors.os_process import (
    OsProcess,
    OsProcessError,
    OsProcessExited,
    OsProcessNotReady,
    OsProcessStuck,
)
from supervisors.partitioned_pool import InvalidKey, PartitionedPool, PoolRef
from supervisors.passivation import Passivator, Wake, WakeTimeout, WakingRef, passivator, waking_ref
from supervisors.phases import ShutdownPhases
from supervisors.registry import Ref, Registry
from supervisors.slot import NotAnActor
from supervisors.snapshot import Node, NodeStatistics, Snapshot
from supervisors.spec import (
    INFINITY,
    AutoShutdown,
    Backoff,
    ChildSpec,
    DynamicSpec,
    Restart,
    Spec,
    Strategy,
    SupervisorSpec,
    validate,
)
from supervisors.state import ChildState
from supervisors.state_change import StateRefused
from supervisors.state_machine import (
    Call,
    Cast,
    Enter,
    EventTimeout,
    IllegalAction,
    IllegalTransition,
    Info,
    Internal,
    InvalidMachine,
    StateMachine,
    StateTimeout,
    Timeout,
    TooManyPostponed,
)
from supervisors.supervisor import Step
from supervisors.task import Task, TaskFailed, TaskStopped, TaskSupervisor, TaskTimeout
from supervisors.tracing import TraceEntry
from supervisors.tree import Tree, open_tree
from supervisors.watch import Diff, Watch

__all__ = [
    "DEFERRED",
    "INFINITY",
    "Actor",
    "AdmissionStatistics",
    "AmbiguousName",
    "AutoShutdown",
    "Backoff",
    "BudgetSpent",
    "Call",
    "CallCycle",
    "CallTimeout",
    "Caller",
    "Cast",
    "ChildRefused",
    "ChildSpec",
    "ChildState",
    "Context",
    "CrashReport",
    "Deferred",
    "Diff",
    "Down",
    "DynamicSpec",
    "Enter",
    "Envelope",
    "Event",
    "EventKind",
    "EventTimeout",
    "Explanation",
    "FieldChange",
    "Group",
    "GroupChange",
    "Hog",
    "Hogs",
    "HogsStatistics",
    "Ignore",
    "IllegalAction",
    "IllegalTransition",
    "Info",
    "Internal",
    "InvalidKey",
    "InvalidMachine",
    "InvalidSpec",
    "Mailbox",
    "MailboxFull",
    "MailboxStatistics",
    "Monitor",
    "NameTaken",
    "NoChild",
    "NoProcess",
    "Node",
    "NodeStatistics",
    "NotAnActor",
    "NotQuarantined",
    "OsProcess",
    "OsProcessError",
    "OsProcessExited",
    "OsProcessNotReady",
    "OsProcessStuck",
    "Overflow",
    "PartitionedPool",
    "Passivator",
    "PoolRef",
    "ProcessDown",
    "Quarantined",
    "Ref",
    "Registry",
    "Restart",
    "RestartAdmission",
    "RootFailed",
    "ShutdownPhases",
    "Snapshot",
    "Spec",
    "SpecPlan",
    "StalePlan",
    "Stall",
    "StallWatchdog",
    "StartFailed",
    "StateMachine",
    "StateRefused",
    "StateTimeout",
    "Step",
    "Strategy",
    "SupervisionError",
    "SupervisorSpec",
    "Task",
    "TaskFailed",
    "TaskStopped",
    "TaskSupervisor",
    "TaskTimeout",
    "Timeout",
    "Timer",
    "TooManyPostponed",
    "TraceEntry",
    "Tree",
    "Unanswered",
    "UnknownMessage",
    "Wake",
    "WakeTimeout",
    "WakingRef",
    "Watch",
    "collapse",
    "crash_headline",
    "crash_report",
    "describe",
    "fingerprint_of",
    "is_crash",
    "masked_text",
    "open_tree",
    "passivator",
    "validate",
    "waking_ref",
]
