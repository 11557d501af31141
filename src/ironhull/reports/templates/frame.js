"use strict";
// Sorting and filtering of the tables. Without this script they are all there, as they are.
(() => {
  const text = (row, at) => {
    const cell = row.cells[at];
    const own = cell.getAttribute("data-sort");
    if (own !== null) { return own; }
    const figure = cell.querySelector("data");
    return figure ? figure.value : cell.textContent.trim();
  };
  const compare = (a, b) => {
    const x = Number(a), y = Number(b);
    const left = a !== "" && !Number.isNaN(x), right = b !== "" && !Number.isNaN(y);
    if (left && right) { return x - y; }
    if (left !== right) { return left ? -1 : 1; }
    return a.localeCompare(b, "en", { numeric: true });
  };
  const sortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [text(row, at), row]);
        rows.sort((a, b) => (down ? compare(b[0], a[0]) : compare(a[0], b[0])));
        body.append(...rows.map((pair) => pair[1]));
      });
    });
  };
  const filterable = (tools) => {
    const table = document.getElementById(tools.getAttribute("data-for"));
    const words = tools.querySelector("input");
    const choices = [...tools.querySelectorAll("select")];
    const shown = tools.querySelector("output");
    const apply = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      const rows = [...table.tBodies[0].rows];
      let count = 0;
      for (const row of rows) {
        const all = row.textContent.toLowerCase();
        const fits = wanted.every((word) => all.includes(word)) && choices.every((choice) =>
          choice.value === "" || row.getAttribute(choice.getAttribute("data-key")) === choice.value);
        row.hidden = !fits;
        count += fits ? 1 : 0;
      }
      shown.textContent = `${count} of ${rows.length} rows`;
    };
    words.addEventListener("input", apply);
    choices.forEach((choice) => choice.addEventListener("change", apply));
    tools.hidden = false;
    apply();
  };
  document.querySelectorAll("table.sortable").forEach(sortable);
  document.querySelectorAll(".tools").forEach(filterable);
})();
