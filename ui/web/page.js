// Functions that all parts of the page share: creating elements, mounting into Gradio, and triggering events.
"use strict";
window.drivesim = window.drivesim || {};

(function (page) {
  // Returns an element with attributes, listeners ("onclick") and children; text is always set as text.
  page.el = function (tag, attributes = {}, ...children) {
    const svg = ["svg", "rect", "line", "polyline", "text", "g", "image"].includes(tag);
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children.flat()) {
      if (child !== null && child !== undefined) made.append(child);
    }
    return made;
  };

  page.parse = function (text, fallback) {
    try {
      return JSON.parse(text) ?? fallback;
    } catch {
      return fallback;
    }
  };

  // Calls `make(root, api)` once for a gr.HTML component; `make` returns what to do with each new value.
  page.mount = function (make, element, props, trigger, watch) {
    const root = element.querySelector(".ds-mount") || element;
    if (root.dataset.mounted) return;
    root.dataset.mounted = "yes";
    let latest = {};
    let serial = 0;
    let replacement = 0;
    const set = (value) => {
      latest = value;
      props.value = JSON.stringify(value);
    };
    const api = {
      // Restores a value that an answer to an earlier event has overwritten.
      keep: set,
      send(name, value, data) {
        if (value !== undefined) set(value);
        trigger(name, data || {});
      },
    };
    const show = make(root, api);
    // Answers can overtake each other: one to an earlier request than the last one is dropped, and so is one about a
    // scenario that has been replaced in the meantime, whichever of the two requests was the later one.
    const take = () => {
      const value = page.parse(props.value, {});
      const replaced = value.replacement ?? replacement;
      if (replaced < replacement || (replaced === replacement && value.serial < serial)) return set(latest);
      replacement = replaced;
      serial = value.serial || serial;
      latest = value;
      show(value);
    };
    const update = () => page.unlessPressed(root, take);
    watch("value", update);
    update();
  };

  // Runs `draw` now, or as soon as no mouse button or finger presses `root`: what is pressed or dragged must stay.
  const held = new Map();
  let pressed = []; // the pressed element and those around it, also after it has been drawn anew
  page.unlessPressed = function (root, draw) {
    if (pressed.includes(root)) held.set(root, draw);
    else draw();
  };
  function released() {
    pressed = [];
    const drawings = [...held.values()];
    held.clear();
    for (const draw of drawings) draw();
  }
  document.addEventListener("pointerdown", (event) => (pressed = event.composedPath()), true);
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, () => setTimeout(released, 0), true);
  document.addEventListener("pointermove", (event) => pressed.length && !event.buttons && released(), true);

  page.visible = (element) => element.offsetParent !== null;

  // The number of pixels of the frame in a pixel of the screen, but at least 1: text and handles keep their size in it.
  page.unit = (element) => Math.max(1, 1024 / (element.clientWidth || element.getBoundingClientRect().width || 1024));

  page.press = function (id) {
    const found = document.getElementById(id);
    const button = found && (found.tagName === "BUTTON" ? found : found.querySelector("button"));
    if (button && page.visible(button) && !button.disabled) button.click();
  };

  // Enables a button whose state only the browser knows; the server says that it is disabled, and never changes that.
  page.enable = function (id, on) {
    const button = document.getElementById(id);
    if (button) button.disabled = !on;
  };

  page.typing = function () {
    const active = document.activeElement;
    return !!active && (/^(INPUT|TEXTAREA|SELECT)$/.test(active.tagName) || active.isContentEditable);
  };

  // Shortcuts are looked up among the visible parts of the page; the first part that handles a key ends the search.
  const takers = [];
  page.onkey = (element, take) => takers.push({ element, take });
  document.addEventListener("keydown", (event) => {
    for (const { element, take } of takers) {
      if (element.isConnected && page.visible(element) && take(event)) {
        event.preventDefault();
        return;
      }
    }
  });

  page.time = (seconds) => `${seconds.toFixed(2)} s`;
})(window.drivesim);
