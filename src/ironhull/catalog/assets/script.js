"use strict";
// Copying of snippets, and searching as one types. Without this script all of it works by links
// and forms.
(() => {
  const copyable = (block) => {
    const pre = block.querySelector("pre");
    if (!pre || !navigator.clipboard) { return; }
    const button = document.createElement("button");
    const said = document.createElement("span");
    said.setAttribute("role", "status");
    button.type = "button";
    button.className = "copy";
    button.append("Copy", said);
    said.className = "skip";
    button.setAttribute("aria-label", `Copy ${block.getAttribute("data-copy")}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(pre.textContent);
      button.firstChild.textContent = "Copied";
      said.textContent = "Copied";
      setTimeout(() => { button.firstChild.textContent = "Copy"; said.textContent = ""; }, 2000);
    });
    block.classList.add("copyable");
    block.append(button);
  };
  const results = document.getElementById("results");
  const served = (form, input) => {
    let asked = null;
    let waiting = 0;
    const ask = async () => {
      if (asked) { asked.abort(); }
      asked = new AbortController();
      try {
        const address = `/search?part=1&q=${encodeURIComponent(input.value)}`;
        const answer = await fetch(address, { signal: asked.signal });
        if (answer.ok) { results.innerHTML = await answer.text(); }
      } catch (error) {
        if (error.name !== "AbortError") { throw error; }
      }
    };
    input.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, 120); });
  };
  // Files: what is there is filtered in the page.
  const filed = (form, input) => {
    const output = document.getElementById("found");
    const all = form.getAttribute("data-all");
    const before = [...results.childNodes];
    const has = (text, words) => words.every((word) => text.includes(word));
    // One page has not all of them: their names are in a file of their own.
    const listed = (words) => {
      const found = window.ironhullNames.filter(([, , text]) => has(text, words));
      const root = new URL(form.getAttribute("data-root"), location.href);
      const list = document.createElement("ul");
      list.className = "cards";
      for (const [name, file] of found.slice(0, 100)) {
        const [card, head, link] = ["li", "h2", "a"].map((each) => document.createElement(each));
        card.className = "card";
        link.href = new URL(file, root);
        link.textContent = name;
        head.append(link);
        card.append(head);
        list.append(card);
      }
      output.textContent = `${found.length} repositories`;
      results.replaceChildren(output, list);
    };
    const said = output && output.textContent;
    const look = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      if (words.length && window.ironhullNames) { listed(words); return; }
      results.replaceChildren(...before);
      output.textContent = said;
    };
    if (all && output) {
      form.addEventListener("submit", (event) => event.preventDefault());
      form.hidden = false;
      input.addEventListener("input", look);
      const names = document.createElement("script");
      names.src = all;
      names.addEventListener("load", look);
      input.addEventListener("focus", () => document.head.append(names), { once: true });
      return;
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const card of results.querySelectorAll(".card")) {
        const text = (card.getAttribute("data-words") || card.textContent).toLowerCase();
        card.hidden = !has(text, words);
        count += card.hidden ? 0 : 1;
      }
      if (output) { output.textContent = `${count} repositories`; }
    });
  };
  document.querySelectorAll("[data-copy]").forEach(copyable);
  const form = document.querySelector("form[data-search]");
  if (form && results) {
    (form.getAttribute("data-search") === "files" ? filed : served)(form, form.querySelector("input"));
  }
})();
