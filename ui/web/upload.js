// The user's files: YAML is read in the browser, and a photo is cropped to the shape of a frame before the upload.
"use strict";

(function (page) {
  const el = page.el;
  const WIDTH = 1024;
  const HEIGHT = 512;
  const MAX_YAML = 1 << 20;

  page.upload = function (root, api) {
    const state = el("span", { class: "ds-note", role: "status" });
    const yaml = picker("Open YAML", ".yaml,.yml,application/yaml", openYaml);
    const photo = picker("Start from photo", "image/*", openPhoto);
    root.append(el("div", { class: "ds-tools" }, yaml, photo), state);

    function picker(text, accept, open) {
      const input = el("input", { type: "file", accept, hidden: true, "aria-label": text });
      input.addEventListener("change", async () => {
        const [file] = input.files;
        input.value = "";
        if (!file) return;
        state.textContent = `Reading ${file.name}…`;
        try {
          await open(file);
          state.textContent = "";
        } catch (error) {
          state.textContent = error.message || "The file cannot be read.";
        }
      });
      return el("span", {}, el("button", { type: "button", class: "ds-tool", onclick: () => input.click() }, text), input);
    }

    async function openYaml(file) {
      if (file.size > MAX_YAML) throw new Error("The file is larger than 1 MiB.");
      api.send("opened", { text: await file.text() });
    }

    async function openPhoto(file) {
      let bitmap;
      try {
        bitmap = await createImageBitmap(file);
      } catch {
        throw new Error("The browser cannot read this picture.");
      }
      const scale = Math.max(WIDTH / bitmap.width, HEIGHT / bitmap.height);
      const [width, height] = [bitmap.width * scale, bitmap.height * scale];
      const canvas = el("canvas", { width: WIDTH, height: HEIGHT });
      const context = canvas.getContext("2d");
      context.imageSmoothingQuality = "high";
      context.drawImage(bitmap, (WIDTH - width) / 2, (HEIGHT - height) / 2, width, height);
      const body = await new Promise((done) => canvas.toBlob(done, "image/png"));
      const answer = await fetch("/media/photos", { method: "POST", body, headers: { "Content-Type": "image/png" } });
      const said = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error(said.detail || "The photo was refused.");
      api.send("photo", { picture: said.name });
    }

    return () => {};
  };
})(window.drivesim);
