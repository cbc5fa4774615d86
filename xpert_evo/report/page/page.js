"use strict";
const designs = JSON.parse(document.getElementById("data").textContent);
const panel = document.getElementById("design");
const tip = document.getElementById("tip");

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function row(cells, name) {
  const made = element("tr");
  for (const cell of cells) made.append(element(name, cell));
  return made;
}

function show(id) {
  const design = designs[id];
  const figures = element("table");
  for (const [name, value] of design.figures) figures.append(row([name, value], "td"));
  const genes = element("table");
  const head = element("thead");
  head.append(row(design.genes, "th"));
  const body = element("tbody");
  for (const layer of design.layers) body.append(row(layer, "td"));
  genes.append(head, body);
  panel.replaceChildren(element("h3", "Design " + id), figures, element("h3", "Its genes"), genes);
  for (const chosen of document.querySelectorAll(".chosen")) chosen.classList.remove("chosen");
  for (const same of document.querySelectorAll('[data-id="' + id + '"]')) {
    (same.closest("tr") || same).classList.add("chosen");
  }
}

function hint(event) {
  const box = event.target.getBoundingClientRect();
  tip.textContent = designs[event.target.dataset.id].tip;
  tip.hidden = false;
  const left = Math.min(box.right + 8, document.documentElement.clientWidth - tip.offsetWidth - 8);
  tip.style.left = left + window.scrollX + "px";
  tip.style.top = box.top + window.scrollY - tip.offsetHeight - 6 + "px";
}

for (const mark of document.querySelectorAll("[data-id]")) {
  mark.addEventListener("click", () => show(mark.dataset.id));
  if (!mark.classList.contains("point")) continue;
  mark.addEventListener("mouseenter", hint);
  mark.addEventListener("focus", hint);
  mark.addEventListener("mouseleave", () => { tip.hidden = true; });
  mark.addEventListener("blur", () => { tip.hidden = true; });
  mark.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); show(mark.dataset.id); }
  });
}
const first = document.querySelector("#answer [data-id]") || document.querySelector(".point");
if (first) show(first.dataset.id);
