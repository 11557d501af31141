"use strict";
// Folding of sections; sorting, filtering and paging of tables. Without this script, and on
// paper, all of it is there, as it is.
(() => {
  const PAGE = 50;
  const foldable = (section) => {
    const head = section.querySelector("h2");
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    const fold = (folded) => {
      section.classList.toggle("folded", folded);
      button.setAttribute("aria-expanded", String(!folded));
    };
    button.addEventListener("click", () => fold(!section.classList.contains("folded")));
    section.addEventListener("unfold", () => fold(false));
    fold(true);
  };
  const unfold = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const section = target && target.closest(".fold");
    if (section) {
      section.dispatchEvent(new Event("unfold"));
      target.scrollIntoView();
    }
  };
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
        table.dispatchEvent(new Event("sorted"));
      });
    });
  };
  // A row may be of several kinds at once: "new|image".
  const values = (row, key) => (row.getAttribute(key) || "").split("|");
  const filterable = (tools) => {
    const table = document.getElementById(tools.getAttribute("data-for"));
    const words = tools.querySelector("input");
    const choices = [...tools.querySelectorAll("select")];
    const shown = tools.querySelector("output");
    const more = document.createElement("button");
    let pages = 1;
    more.type = "button";
    more.className = "more";
    table.parentElement.after(more);
    more.addEventListener("click", () => { pages += 1; apply(); });
    table.addEventListener("sorted", () => apply());
    const apply = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      const rows = [...table.tBodies[0].rows];
      let count = 0;
      const limit = pages * PAGE;
      for (const row of rows) {
        const all = row.textContent.toLowerCase();
        const fits = wanted.every((word) => all.includes(word)) && choices.every((choice) =>
          choice.value === "" || values(row, choice.getAttribute("data-key")).includes(choice.value));
        row.hidden = !fits;
        count += fits ? 1 : 0;
        row.classList.toggle("later", fits && count > limit);
      }
      more.hidden = count <= limit;
      more.textContent = `Show ${Math.min(PAGE, count - limit)} more of ${count}`;
      shown.textContent = `${count} of ${rows.length} rows`;
    };
    const again = () => { pages = 1; apply(); };
    words.addEventListener("input", again);
    choices.forEach((choice) => choice.addEventListener("change", again));
    tools.addEventListener("preset", (event) => {
      words.value = event.detail.get("words") || "";
      choices.forEach((choice) => {
        const value = event.detail.get(choice.getAttribute("data-key")) || "";
        choice.value = [...choice.options].some((each) => each.value === value) ? value : "";
      });
      again();
    });
    tools.hidden = false;
    apply();
  };
  document.querySelectorAll(".fold").forEach(foldable);
  document.querySelectorAll("table.sortable").forEach(sortable);
  document.querySelectorAll(".tools").forEach(filterable);
  // A link from a figure shows its rows and no others.
  document.querySelectorAll("a[data-preset]").forEach((link) => link.addEventListener("click", () => {
    const target = document.getElementById(link.hash.slice(1));
    const tools = target && target.closest("section").querySelector(".tools");
    if (tools) {
      const detail = new URLSearchParams(link.getAttribute("data-preset"));
      tools.dispatchEvent(new CustomEvent("preset", { detail }));
    }
  }));
  addEventListener("hashchange", unfold);
  document.querySelectorAll('a[href^="#"]').forEach((link) => link.addEventListener("click", () => {
    // The same place again is no change of the address.
    if (link.hash === location.hash) { unfold(); }
  }));
  unfold();
})();
