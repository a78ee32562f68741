// Draws /openapi.json for people. Text is only ever put in as text: nothing in the document becomes markup.
"use strict";

let api;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((one) => one !== null && one !== undefined));
  return element;
}

// `code` and **strong**, which is all the markup that our texts use.
function prose(text) {
  const pieces = (text ?? "").split(/(`[^`]+`|\*\*[^*]+\*\*)/);
  return pieces.map((piece) => {
    if (piece.startsWith("`") && piece.length > 1) return make("code", {}, piece.slice(1, -1));
    if (piece.startsWith("**")) return make("strong", {}, piece.slice(2, -2));
    return piece;
  });
}

const paragraphs = (text) => (text ?? "").split("\n\n").filter(Boolean).map((one) => make("p", {}, ...prose(one)));

function resolved(thing) {
  if (!thing?.$ref) return thing;
  return thing.$ref.slice(2).split("/").reduce((inside, name) => inside[name], api);
}

// Schemas.

function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.type === "array") return `list of ${schema.items ? typeOf(schema.items) : "anything"}`;
  return schema.format ? `${schema.type}, ${schema.format}` : schema.type ?? "anything";
}

const LIMITS = [
  ["minimum", "at least"], ["exclusiveMinimum", "more than"], ["maximum", "at most"],
  ["minLength", "characters, at least"], ["maxLength", "characters, at most"],
  ["minItems", "items, at least"], ["maxItems", "items, at most"], ["pattern", "matches"],
];

function limitsOf(schema) {
  const found = [schema, ...(schema.anyOf ?? [])].flatMap((one) =>
    LIMITS.filter(([key]) => one[key] !== undefined).map(([key, word]) => `${word} ${one[key]}`));
  const ordinary = schema.default === undefined || schema.default === null || typeof schema.default === "object";
  if (!ordinary && schema.default !== "") found.push(`default ${schema.default}`);
  return found.join("; ");
}

// The schema with fields that hides in a reference, a list, or a choice with null.
function objectIn(schema) {
  const inner = resolved(schema);
  if (inner?.properties) return inner;
  const places = [inner?.items, ...(inner?.anyOf ?? [])].filter((one) => one?.$ref);
  return places.length ? objectIn(places[0]) : null;
}

function row(name, schema, needed, text, inside) {
  const inner = objectIn(schema);
  const limits = limitsOf(schema);
  const said = text ?? schema.description ?? (inner ? null : resolved(schema)?.description);
  return make("tr", {},
    make("th", { scope: "row" }, make("code", {}, name), needed ? make("span", { class: "needed" }, "required") : null,
      make("div", { class: "type" }, typeOf(schema))),
    make("td", {}, ...prose(said), limits ? make("div", { class: "type" }, limits) : null,
      inner && inside < 5 ? make("details", {}, make("summary", {}, "fields"), fields(inner, inside + 1)) : null));
}

function fields(schema, inside = 0) {
  const rows = Object.entries(schema.properties ?? {});
  return make("table", {}, make("tbody", {}, ...rows.map(([name, one]) =>
    row(name, one, (schema.required ?? []).includes(name), undefined, inside))));
}

// One operation.

function figure(title, text) {
  const button = make("button", { type: "button" }, "copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  return make("figure", {}, make("figcaption", {}, title, navigator.clipboard ? button : null),
    make("pre", { tabindex: "0" }, make("code", {}, text)));
}

const json = (value) => JSON.stringify(value, null, 2);

function curl(path, method, operation) {
  const parameters = (operation.parameters ?? []).map(resolved);
  const where = parameters.filter((one) => one.in === "path")
    .reduce((url, one) => url.replace(`{${one.name}}`, one.example), path);
  const lines = [`curl ${location.origin}${where}`];
  if (method !== "get" && method !== "post") lines[0] += ` -X ${method.toUpperCase()}`;
  if (operation.security?.length) lines.push('-H "Authorization: Bearer $KEY"');
  const body = Object.entries(operation.requestBody?.content ?? {})[0];
  if (parameters.some((one) => one.name === "Idempotency-Key")) lines.push("-H 'Idempotency-Key: order-1042'");
  if (body) lines.push(`-H 'Content-Type: ${body[0]}'`, `-d '${json(body[1].example ?? {}).replaceAll("'", "'\\''")}'`);
  else if (method === "post") lines[0] += " -X POST";
  return lines.join(" \\\n  ");
}

function answers(responses) {
  return make("table", {}, make("tbody", {}, ...Object.entries(responses).map(([status, response]) => {
    const { description, content } = resolved(response);
    const schema = content?.["application/json"]?.schema;
    const inner = schema && status < 400 ? objectIn(schema) : null;
    return make("tr", {},
      make("th", { scope: "row" }, make("span", { class: `status ${status < 400 || status === "2XX" ? "good" : "bad"}` }, status)),
      make("td", {}, ...prose(description), inner ? make("details", {}, make("summary", {}, "fields"), fields(inner)) : null));
  })));
}

const heading = (text) => make("h4", {}, text);

function parameterRows(operation) {
  const rows = (operation.parameters ?? []).map(resolved);
  if (!rows.length) return [];
  return [heading("Parameters"), make("table", {}, make("tbody", {}, ...rows.map((one) =>
    row(`${one.name}`, one.schema, one.required, `${one.description ?? ""} (${one.in})`, 0))))];
}

function article(path, method, operation, isEvent) {
  const body = Object.values(operation.requestBody?.content ?? {})[0];
  const bodyFields = body ? objectIn(body.schema) : null;
  const success = Object.entries(operation.responses).find(([status]) => status < 300);
  const answer = success && resolved(success[1]).content?.["application/json"]?.example;
  return make("article", { id: operation.operationId, "data-words": wordsOf(path, method, operation) },
    make("header", {},
      make("h3", {}, ...prose(operation.summary)),
      isEvent ? null : make("div", { class: "line" }, make("span", { class: `method ${method}` }, method.toUpperCase()), make("span", { class: "path" }, path)),
      ...paragraphs(operation.description).map((one) => { one.className = "note"; return one; })),
    make("div", { class: "says" },
      ...parameterRows(operation),
      ...(bodyFields ? [heading("Body"), fields(bodyFields)] : []),
      heading(isEvent ? "What you answer" : "Answers"), answers(operation.responses)),
    make("div", { class: "shows" },
      isEvent ? figure("what you receive", json(body.example)) : figure("curl", curl(path, method, operation)),
      answer ? figure(`answer ${success[0]}`, json(answer)) : null));
}

function wordsOf(path, method, operation) {
  const codes = Object.values(operation.responses).map((one) => one.$ref ?? resolved(one).description);
  return [path, method, operation.operationId, operation.summary, operation.description, ...operation.tags, ...codes]
    .join(" ").toLowerCase();
}

// The page.

function operationsOf(tag) {
  const listed = (paths, isEvent) => Object.entries(paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).filter(([, one]) => one.tags.includes(tag)).map(([method, one]) => ({ path, method, one, isEvent })));
  return [...listed(api.paths, false), ...listed(api.webhooks, true)];
}

function draw() {
  const content = document.getElementById("content");
  const contents = document.getElementById("contents");
  document.getElementById("version").textContent = api.info.version;
  content.replaceChildren(make("section", { id: "top" }, make("h1", {}, api.info.title),
    make("div", { class: "lead" }, ...paragraphs(api.info.description),
      make("p", {}, "The same for machines: ", make("a", { href: "openapi.json" }, "openapi.json"), `, OpenAPI ${api.openapi}.`))));

  for (const tag of api.tags) {
    const found = operationsOf(tag.name);
    content.append(make("section", { id: `tag-${tag.name}` }, make("h2", {}, tag.name), make("p", { class: "note" }, ...prose(tag.description)),
      ...found.map(({ path, method, one, isEvent }) => article(path, method, one, isEvent))));
    contents.append(make("div", {}, make("h5", {}, tag.name), ...found.map(({ path, method, one, isEvent }) =>
      make("a", { href: `#${one.operationId}`, "data-words": wordsOf(path, method, one) },
        isEvent ? null : make("span", { class: `method ${method}` }, method.toUpperCase()),
        isEvent ? one.summary : one.operationId.replaceAll("_", " ")))));
  }

  const codes = Object.keys(api.components.responses).map((code) => make("tr", { "data-words": code },
    make("th", { scope: "row" }, make("code", {}, code)),
    make("td", {}, ...prose(api.components.responses[code].description.replace(`\`${code}\`: `, "")))));
  content.append(make("section", { id: "errors" }, make("h2", {}, "Errors"), make("table", {}, make("tbody", {}, ...codes))));
  contents.append(make("div", {}, make("a", { href: "#errors" }, "all error codes")));
}

function search(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const element of document.querySelectorAll("[data-words]")) {
    const fits = words.every((word) => element.dataset.words.includes(word));
    element.hidden = !fits;
    count += fits && element.matches("article");
  }
  for (const group of document.querySelectorAll("#contents > div, main > section:not(#top)")) {
    const inside = [...group.querySelectorAll("[data-words]")];
    group.hidden = inside.length > 0 && inside.every((one) => one.hidden);
  }
  document.getElementById("found").textContent = words.length ? `${count} found` : "";
}

async function start() {
  const box = document.getElementById("search");
  const answer = await fetch("openapi.json");
  if (!answer.ok) throw new Error(`openapi.json answered ${answer.status}`);
  api = await answer.json();
  draw();
  box.addEventListener("input", () => search(box.value));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target === box) return;
    event.preventDefault();
    box.focus();
  });
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

start().catch((error) => {
  document.getElementById("content").replaceChildren(make("p", { role: "alert" }, `The description could not be shown: ${error.message}`));
});
