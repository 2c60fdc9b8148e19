// The composed variants of a scene, side by side, to choose from.
"use strict";

(function (page) {
  const el = page.el;

  page.variants = function (root, api) {
    let chosen = -1;
    let shownKey = "";
    const strip = el("div", { class: "ds-variants", role: "list" });
    root.append(strip);

    return function show(value) {
      const variants = value.variants || [];
      const waiting = value.waiting || 0;
      const key = variants.map((variant) => variant.url).join();
      if (key !== shownKey) {
        if (!variants.length) chosen = -1;
        else if (!key.startsWith(shownKey) || !shownKey) pick(0);
        shownKey = key;
      }
      render();

      function pick(index) {
        chosen = index;
        if (page.showComposed) page.showComposed(variants[index]);
      }

      function choose(index) {
        pick(index);
        render();
        api.send("chosen", undefined, { seed: String(variants[index].seed) });
      }

      function render() {
        const cards = variants.map((variant, index) => {
          const words = page.findingsText(variant.findings);
          const press = { type: "button", class: `ds-variant${index === chosen ? " ds-on" : ""}`, onclick: () => choose(index) };
          const picture = el("img", { src: variant.url, alt: `Variant with seed ${variant.seed}` });
          return el("button", { ...press, title: "Show this variant and use its seed" }, picture, el("b", {}, `seed ${variant.seed}`), el("span", {}, words));
        });
        for (let index = 0; index < waiting; index++) cards.push(el("div", { class: "ds-variant ds-busy" }, "composing…"));
        strip.replaceChildren(...cards);
      }
    };
  };
})(window.drivesim);
