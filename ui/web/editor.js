// A text area for YAML with line numbers, in which lines with mistakes are marked.
"use strict";

(function (page) {
  const el = page.el;

  const ANSWER_MS = 10000;

  page.editor = function (root, api) {
    let timer = null;
    let late = null;
    let revision = 0; // counts edits, so that an answer to an earlier text can be recognised
    const gutter = el("div", { class: "ds-gutter", "aria-hidden": "true" });
    const area = el("textarea", { class: "ds-text", spellcheck: "false", wrap: "off", "aria-label": "Scenario as YAML", rows: "22" });
    const list = el("ol", { class: "ds-problems", role: "status" });
    root.append(el("div", { class: "ds-editor" }, gutter, area), list);

    let notes = [];
    function render() {
      const count = area.value.split("\n").length;
      const marks = new Map(notes.map((note) => [note.line, note.kind]));
      const rows = [];
      for (let line = 1; line <= count; line++) {
        rows.push(el("div", { class: marks.has(line) ? `ds-mark-${marks.get(line)}` : null }, String(line)));
      }
      gutter.replaceChildren(...rows);
      gutter.scrollTop = area.scrollTop;
      list.replaceChildren(
        ...notes.map((note) => {
          const place = el("button", { type: "button", class: "ds-link", onclick: () => jump(note) }, `line ${note.line}:${note.column}`);
          return el("li", { class: `ds-${note.kind}` }, place, " ", note.message);
        }),
      );
    }

    function jump({ line, column }) {
      const lines = area.value.split("\n");
      const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
      area.focus();
      area.setSelectionRange(start, start + Math.max(1, (lines[line - 1] || "").length - column + 1));
      area.scrollTop = Math.max(0, (line - 5) * 20);
    }

    let replacement; // the scenario that the text belongs to
    const typed = () => ({ text: area.value, notes, revision, replacement });

    function submit() {
      clearTimeout(timer);
      timer = null;
      api.send("typed", typed());
      expectAnswer(ANSWER_MS);
    }

    // A text that is not answered is sent again, and the page says so.
    function expectAnswer(ms) {
      clearTimeout(late);
      late = setTimeout(() => {
        const lost = ms >= ANSWER_MS;
        submit();
        if (lost) list.replaceChildren(el("li", { class: "ds-problem" }, "The server does not answer. The text is kept here and sent again."));
        expectAnswer(Math.min(6 * ANSWER_MS, Math.max(ANSWER_MS, 2 * ms)));
      }, ms);
    }

    area.addEventListener("scroll", () => (gutter.scrollTop = area.scrollTop));
    area.addEventListener("input", () => {
      clearTimeout(timer);
      revision += 1;
      timer = setTimeout(submit, 350);
      render();
    });
    area.addEventListener("blur", () => timer && submit());
    area.addEventListener("keydown", (event) => {
      if (event.key !== "Tab" || event.shiftKey) return;
      event.preventDefault();
      area.setRangeText("  ", area.selectionStart, area.selectionEnd, "end");
      area.dispatchEvent(new Event("input"));
    });

    return function show(value) {
      if (value.text === undefined) return;
      clearTimeout(late);
      if ((value.revision || 0) < revision) {
        if (timer) return;
        api.keep(typed());
        expectAnswer(700);
        return;
      }
      revision = value.revision || revision;
      replacement = value.replacement;
      if (area.value !== value.text) area.value = value.text;
      notes = value.notes || [];
      render();
    };
  };

  // Downloads a text as a file.
  page.save = function (name, text) {
    const url = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
    const link = el("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };

  // Returns a line of text to copy, with links or buttons beside it.
  page.takeaway = function (root) {
    return function show(value) {
      if (!value.command) return root.replaceChildren(el("p", { class: "ds-note" }, "Correct the mistakes above to download the scenario."));
      const copy = el("button", { type: "button", class: "ds-tool", onclick: () => copied(value.command, copy) }, "Copy");
      const save = el("button", { type: "button", class: "ds-tool ds-main", id: "save-yaml", onclick: () => page.save(value.file, value.text) }, `Download ${value.file}`);
      const picture = value.picture ? el("a", { class: "ds-tool", href: `/media/start/${value.picture}`, download: value.picture }, "Download its picture") : null;
      root.replaceChildren(
        el("p", { class: "ds-note" }, "Command line for the same result, bit by bit:"),
        el("div", { class: "ds-command" }, el("code", {}, value.command), copy),
        el("div", { class: "ds-tools" }, save, picture || ""),
      );
    };
  };

  async function copied(text, button) {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(button.previousSibling);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }
})(window.drivesim);
