"use strict";
// Light or dark, and a search in window.BOOK: all from disk.
const root = document.documentElement;
const button = document.getElementById("theme");
const input = document.getElementById("search");
const results = document.getElementById("results");
const MOST_RESULTS = 20;
const AROUND = 70;  // characters of text around what was found
const remembered = () => { try { return localStorage.getItem("book theme"); } catch { return null; } };

function paint(theme) {
  root.dataset.theme = theme;
  button.textContent = theme === "dark" ? "Light" : "Dark";
}

button.addEventListener("click", () => {
  paint(root.dataset.theme === "dark" ? "light" : "dark");
  try { localStorage.setItem("book theme", root.dataset.theme); } catch { /* only for this page */ }
});
paint(remembered() ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
if (matchMedia("(max-width: 52rem)").matches) {
  document.querySelector("nav details").open = false;
}

function find(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return window.BOOK.map((section) => {
    const heading = section.heading.toLowerCase();
    const body = section.text.toLowerCase();
    if (!words.every((word) => heading.includes(word) || body.includes(word))) return null;
    const score = words.filter((word) => heading.includes(word)).length;
    return { section, score, at: Math.max(0, body.indexOf(words[0])) };
  }).filter(Boolean).sort((a, b) => b.score - a.score);
}

function show(found) {
  const list = document.createElement("ol");
  for (const { section, at } of found.slice(0, MOST_RESULTS)) {
    const link = document.createElement("a");
    link.href = `${section.page}#${section.id}`;
    link.textContent = section.heading === section.title
      ? section.title : `${section.title}: ${section.heading}`;
    const text = document.createElement("p");
    text.textContent = section.text.slice(Math.max(0, at - AROUND), at + 2 * AROUND);
    const line = document.createElement("li");
    line.append(link, text);
    list.append(line);
  }
  const count = document.createElement("p");
  count.textContent = `${found.length} places`;
  results.replaceChildren(count, list);
}

input.addEventListener("input", () => {
  const text = input.value.trim();
  results.hidden = text.length < 2;
  if (text.length >= 2) show(find(text));
});
input.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { input.value = ""; results.hidden = true; }
});
