"use strict";
// One answer at a time, for the keyboard. Marks are kept in the browser until the table is saved.
const main = document.querySelector("main");
const byId = (id) => document.getElementById(id);
const answers = [...document.querySelectorAll("article")];
const rubric = [...document.querySelectorAll(".rubric")];
const possible = Number(main.dataset.possible);
const columns = main.dataset.columns.split(",");
const store = `coursekit ${main.dataset.lesson} ${main.dataset.question} ` +
  answers.map((answer) => answer.id).sort().join("").slice(0, 400);
const MOST_COMMENTS = 9;
const FORMULA = /^[=+\-@\t\r＝＋－＠]/;
let place = 0;
let state = { grader: "", bank: [], marks: {} };
let unsaved = false;

const current = () => answers[place];
const markOf = (row) => (state.marks[row] ??= { points: null, comment: "", items: [] });
const isMarked = (answer) =>
  (state.marks[answer.id]?.points ?? null) !== null || answer.dataset.read === "yes";
const asText = (points) => (points === null ? "" : String(points));

function changed() {
  unsaved = true;
  try {
    localStorage.setItem(store, JSON.stringify(state));
  } catch { /* private windows keep nothing: the table that is saved does */ }
  showProgress();
}

function showProgress() {
  const count = answers.filter(isMarked).length;
  byId("progress").textContent = `${count} of ${answers.length} marked`;
}

function show(index) {
  if (!answers.length) return;
  place = Math.max(0, Math.min(answers.length - 1, index));
  answers.forEach((answer, i) => { answer.hidden = i !== place; });
  fill();
  current().focus();
  current().scrollIntoView({ block: "nearest" });
}

function fill() {
  const mark = markOf(current().id);
  rubric.forEach((box, i) => { box.checked = mark.items.includes(i); });
  byId("points").value = asText(mark.points);
  byId("points").removeAttribute("aria-invalid");
  byId("comment").value = mark.comment;
  showProgress();
}

function give(points) {
  const mark = markOf(current().id);
  mark.points = points === null ? null : Math.max(0, Math.min(possible, points));
  byId("points").value = asText(mark.points);
  byId("points").removeAttribute("aria-invalid");
  changed();
}

function toggled() {
  const mark = markOf(current().id);
  mark.items = rubric.flatMap((box, i) => (box.checked ? [i] : []));
  give(mark.items.reduce((sum, i) => sum + Number(rubric[i].value), 0));
}

function nothing() {
  rubric.forEach((box) => { box.checked = false; });
  toggled();
}

function addComment(index) {
  const text = state.bank[index];
  if (!text) return;
  const mark = markOf(current().id);
  mark.comment = [mark.comment, text].filter(Boolean).join(" ");
  byId("comment").value = mark.comment;
  changed();
}

function keepComment() {
  const text = byId("comment").value.trim();
  if (!text || state.bank.includes(text)) return;
  state.bank = [...state.bank, text].slice(-MOST_COMMENTS);
  changed();
  showBank();
}

function showBank() {
  byId("bank")?.replaceChildren(...state.bank.map((text, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", () => addComment(i));
    const line = document.createElement("li");
    line.append(button);
    return line;
  }));
}

function nextUnmarked() {
  const order = answers.map((_, i) => (place + 1 + i) % answers.length);
  const found = order.find((i) => !isMarked(answers[i]));
  if (found !== undefined) show(found);
}

const cell = (text) => {
  const safe = FORMULA.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
};

function table() {
  const rows = answers.flatMap((answer) => {
    const mark = state.marks[answer.id];
    if (!mark || (mark.points === null && !mark.comment)) return [];
    const values = {
      lesson: main.dataset.lesson, question: main.dataset.question,
      possible: String(possible), points: asText(mark.points), comment: mark.comment,
      answer: answer.dataset.answer, state: "read", row: answer.id,
    };
    return [columns.map((name) => cell(values[name] ?? "")).join(",")];
  });
  return `\ufeff${[columns.join(","), ...rows].join("\r\n")}\r\n`;
}

function save() {
  const who = state.grader.replace(/[^\p{L}\p{N}-]+/gu, "-") || "grader";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
  link.download = `${main.dataset.question}-${who}.csv`;
  link.click();
  unsaved = false;
  byId("progress").textContent = `Saved as ${link.download}`;
}

function parse(text) {  // CSV with quotes
  const rows = [[]];
  let value = "", quoted = false, i = text.startsWith("\ufeff") ? 1 : 0;
  for (; i < text.length; i += 1) {
    const c = text[i];
    if (quoted) {
      if (c === '"' && text[i + 1] === '"') { value += c; i += 1; }
      else if (c === '"') quoted = false;
      else value += c;
    } else if (c === '"') quoted = true;
    else if (c === ",") { rows.at(-1).push(value); value = ""; }
    else if (c === "\n") { rows.at(-1).push(value); value = ""; rows.push([]); }
    else if (c !== "\r") value += c;
  }
  rows.at(-1).push(value);
  return rows;
}

async function load(file) {
  const [names, ...rows] = parse(await file.text());
  const at = (row, name) => (row[names.indexOf(name)] ?? "").replace(/^'(?=[=+\-@\t\r＝＋－＠])/, "");
  for (const row of rows) {
    const answer = answers.find((one) => one.id === at(row, "row"));
    if (!answer || at(row, "answer") !== answer.dataset.answer) continue;
    const points = at(row, "points");
    const mark = markOf(answer.id);
    mark.points = points === "" ? null : Number(points);
    mark.comment = at(row, "comment");
    mark.items = [];
  }
  changed();
  fill();
}

const actions = {
  n: () => show(place + 1), ArrowRight: () => show(place + 1),
  p: () => show(place - 1), ArrowLeft: () => show(place - 1),
  u: nextUnmarked, s: save, b: keepComment, 0: nothing,
  c: () => byId("comment").focus(),
  "+": () => give((markOf(current().id).points ?? 0) + 0.5),
  "-": () => give((markOf(current().id).points ?? 0) - 0.5),
};

document.addEventListener("keydown", (event) => {
  const writing = event.target.closest("textarea, input:not([type=checkbox])");
  if (event.key === "Escape" && writing) { current()?.focus(); return; }
  if (writing || !byId("keys").checked || !answers.length) return;
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  if (digit && event.shiftKey) addComment(digit - 1);
  else if (digit && rubric[digit - 1]) rubric[digit - 1].click();
  else if (actions[event.key]) actions[event.key]();
  else return;
  event.preventDefault();
});

if (answers.length) {
  try {
    state = { ...state, ...JSON.parse(localStorage.getItem(store) ?? "{}") };
  } catch { /* what cannot be read is begun anew */ }
  rubric.forEach((box) => box.addEventListener("change", toggled));
  byId("points").addEventListener("input", (event) => {
    const text = event.target.value.trim().replace(",", ".");
    const points = text === "" ? null : Number(text);
    const valid = points === null || (points >= 0 && points <= possible);
    event.target.toggleAttribute("aria-invalid", !valid);
    if (!valid) { event.target.setAttribute("aria-invalid", "true"); return; }
    markOf(current().id).points = points;
    changed();
  });
  byId("comment").addEventListener("input", (event) => {
    markOf(current().id).comment = event.target.value;
    changed();
  });
  for (const [id, action] of Object.entries({
    more: actions["+"], less: actions["-"], zero: nothing, previous: actions.p, next: actions.n,
    unmarked: nextUnmarked, keep: keepComment,
  })) byId(id).addEventListener("click", action);
  const wanted = answers.findIndex((answer) => answer.id === location.hash.slice(1));
  place = Math.max(0, wanted);
  answers.forEach((answer, i) => { answer.hidden = i !== place; });
  fill();
  showBank();
}
byId("save").addEventListener("click", save);
byId("grader").value = state.grader;
byId("grader").addEventListener("input", (event) => { state.grader = event.target.value; changed(); });
byId("load").addEventListener("change", (event) => load(event.target.files[0]));
window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
