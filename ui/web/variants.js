// The composed variants of a scene, side by side, to choose from. They are asked for until all have arrived.
"use strict";

(function (page) {
  const el = page.el;
  const PAUSE_MS = 400;

  page.variants = function (root, api) {
    const NONE = { id: "", variants: [], waiting: 0, before: 0, error: "", done: true };
    let state = NONE;
    let chosen = -1;
    let lost = false; // whether the last question had no answer
    const strip = el("div", { class: "ds-variants", role: "list" });
    const note = el("div", { class: "ds-note", role: "status" });
    root.append(strip, note);

    function take(next) {
      const first = !state.variants.length || next.id !== state.id;
      state = next;
      if (first) chosen = -1;
      if (first && state.variants.length) pick(0);
      render();
    }

    // Asks for what has been composed; a question without an answer is asked again, less and less often.
    async function follow(id) {
      for (let failures = 0; id === state.id && !state.done; ) {
        await new Promise((done) => setTimeout(done, Math.min(8000, PAUSE_MS * 2 ** failures)));
        if (id !== state.id) return;
        const answer = await asked(`/media/composed/${id}`);
        if (id !== state.id) return;
        failures = answer ? 0 : failures + 1;
        lost = !answer;
        page.unlessPressed(root, () => (answer ? take(answer) : render()));
      }
    }

    async function asked(address) {
      try {
        const answer = await fetch(address);
        if (answer.status === 404) return { ...state, waiting: 0, done: true, error: (await answer.json()).detail };
        return answer.ok ? await answer.json() : null;
      } catch {
        return null;
      }
    }

    function pick(index) {
      chosen = index;
      if (page.showComposed) page.showComposed(state.variants[index]);
    }

    function choose(index) {
      pick(index);
      render();
      api.send("chosen", undefined, { seed: String(state.variants[index].seed) });
    }

    function words() {
      if (state.error) return state.error;
      if (lost && !state.done) return "The server does not answer. It is asked again.";
      if (state.done && state.variants.length) return "Choose a variant, then open Futures to roll it out.";
      if (state.before) return `${state.before} ${state.before === 1 ? "scene is" : "scenes are"} composed before this one.`;
      return "";
    }

    function render() {
      const cards = state.variants.map((variant, index) => {
        const found = page.findingsText(variant.findings);
        const press = { type: "button", class: `ds-variant${index === chosen ? " ds-on" : ""}`, onclick: () => choose(index) };
        const picture = el("img", { src: variant.url, alt: `Variant with seed ${variant.seed}` });
        return el("button", { ...press, title: "Show this variant and use its seed" }, picture, el("b", {}, `seed ${variant.seed}`), el("span", {}, found));
      });
      for (let index = 0; index < state.waiting; index++) cards.push(el("div", { class: "ds-variant ds-busy" }, index ? "waiting" : "composing…"));
      strip.replaceChildren(...cards);
      note.textContent = words();
      note.classList.toggle("ds-bad", !!state.error);
      page.enable("stop-composing", !state.done);
    }

    // Another scene has been loaded, to which the variants do not belong.
    function clear() {
      if (!state.id) return;
      state = NONE;
      render();
      if (page.showComposed) page.showComposed(null);
    }

    return function show(value) {
      if (!value.id) return clear();
      const started = value.id !== state.id;
      lost = false;
      take(value);
      if (started) follow(value.id);
    };
  };

  // What was found of the requested boxes, in one line.
  page.findingsText = function (findings) {
    if (!findings) return "Composed. These models have no vehicle detector, so nothing is checked.";
    const count = (name) => findings.requested.filter((box) => box.outcome === name).length;
    const roles = (name) => findings.detected.filter((one) => one.role === name).length;
    const asked = findings.requested.length;
    const parts = [`${count("found")} of ${asked} found`];
    if (count("wrong category")) parts.push(`${count("wrong category")} of a wrong category`);
    if (count("missing")) parts.push(`${count("missing")} missing`);
    if (roles("misplaced")) parts.push(`${roles("misplaced")} misplaced (beside a missing box)`);
    parts.push(`${roles("unasked")} not asked for`);
    return asked || roles("unasked") ? parts.join(" · ") : `${findings.detected.length} vehicles detected`;
  };
})(window.drivesim);
