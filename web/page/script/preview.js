// Plain, encrypted and decrypted, side by side: of the image that the user picks, or of a drawing.
const preview = {
  timer: 0,
  run: 0,

  // The images to pick from. A long list is cut, because it would not be read.
  list() {
    const all = state.input && !state.input.encrypted ? state.input.paths : [];
    // Browsers hand out the files of a folder in any order.
    const { compare } = new Intl.Collator("en", { numeric: true });
    const paths = [...all].sort(compare).slice(0, 500);
    $("pick").replaceChildren(...paths.map((path) => make("option", { value: path }, path)));
    // A text or a table among the images is not what a user wants to see first.
    const image = paths.find((path) => /\.(png|jpe?g|jfif|webp|tiff?|bmp|p[bgpn]m|dcm|dicom|nii|nii\.gz)$/i.test(path));
    if (image) $("pick").value = image;
    show($("pick-row"), paths.length > 1);
    this.soon();
  },

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.draw(), 60);
  },

  // The key of the preview: the user's, or one that is thrown away.
  async key() {
    if (state.key) return state.key.text;
    this.spare ??= (await engine.ask("makeKey", { created: "for a preview" })).text;
    return this.spare;
  },

  async draw() {
    if (!engine.worker || state.running || state.input?.encrypted) return;
    const run = ++this.run;
    try {
      const key = await this.key();
      const path = $("pick").value;
      if (!state.input) await this.drawing();
      const ask = { key, asked: { ...asked(), salt: "" }, path: state.input ? path : "a.pgm" };
      const shown = await engine.ask("preview", ask);
      if (run !== this.run || !shown) return;
      paint("plain", shown.plain);
      paint("encrypted", shown.encrypted);
      if (shown.decrypted) paint("decrypted", shown.decrypted);
      else blank("decrypted");
      $("decrypted-caption").textContent = shown.decrypted
        ? `Decrypted${shown.same ? ", every sample as before" : ""}`
        : "Cannot be decrypted";
      const what = state.input ? `${path}: ${shown.size}` : "A drawing stands in for your images until you choose some";
      const more = shown.images > 1 ? `, the first of ${shown.images} images` : "";
      const contrast = shown.stretched ? ", shown with more contrast than it has" : "";
      const whose = state.key ? "" : ". Shown with a key that is thrown away";
      $("view-state").textContent = `${what}${more}${contrast}${whose}.`;
    } catch (error) {
      if (run !== this.run || error.kind === "ended") return;
      if (error.kind === "broken") {
        failed(error);
        return;
      }
      for (const id of ["plain", "encrypted", "decrypted"]) blank(id);
      $("view-state").textContent = error.words;
    }
  },

  // A drawing with flat areas, edges and gradients, as a PGM file.
  async drawing() {
    if (state.handed) return;
    const side = 192;
    const pixels = new Uint8Array(side * side);
    for (let y = 0; y < side; y += 1) {
      for (let x = 0; x < side; x += 1) {
        const [u, v] = [x / side - 0.5, y / side - 0.5];
        const chest = (u * u) / 0.19 + (v * v) / 0.23 < 1;
        const lung = ((Math.abs(u) - 0.19) ** 2) / 0.017 + (v - 0.02) ** 2 / 0.085 < 1;
        const rib = Math.sin((v + u * u) * 62) > 0.55;
        const light = chest ? 0.72 - 0.3 * Math.abs(u) : 0.1;
        pixels[y * side + x] = 255 * (lung ? 0.3 + (rib ? 0.2 : 0) + 0.12 * v : light + (chest && rib ? 0.08 : 0));
      }
    }
    const head = new TextEncoder().encode(`P5 ${side} ${side} 255\n`);
    const list = [new File([head, pixels], "a.pgm")];
    state.handed = { paths: ["a.pgm"], list };
    await engine.ask("choose", state.handed);
  },
};

function paint(id, { width, height, rgba }) {
  const canvas = $(id);
  [canvas.width, canvas.height] = [width, height];
  const pixels = new Uint8ClampedArray(rgba.buffer, rgba.byteOffset, rgba.byteLength);
  canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
}

function blank(id) {
  const canvas = $(id);
  [canvas.width, canvas.height] = [192, 192];
}

$("pick").addEventListener("change", () => preview.soon());
