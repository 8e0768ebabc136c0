// What the user has chosen so far.
const state = {
  presets: [],
  adapter: null,
  device: "cpu",
  // { encrypted, count, paths, name }, or null.
  input: null,
  // The chosen files, to open them again in a new worker.
  handed: null,
  // { text, file, fingerprint }, or null. The text is the key, the file what is saved of it, sealed or not. Both live
  // in memory only.
  key: null,
  // The text of a file of names, or null.
  names: null,
  running: false,
};

// What the options say, as the worker takes it.
function asked() {
  const value = (id) => $(id).value.trim();
  return {
    scheme: schemeText(), fit: value("fit"), size: value("size"), window: value("window"), axis: value("axis"),
    depth: value("depth"), channels: value("channels"), orientation: value("orientation"), names: value("names"),
    salt: value("salt"), input: value("input"),
  };
}

// What is missing before the work can start.
function refresh() {
  const encrypted = state.input?.encrypted ?? false;
  show($("scheme-section"), !encrypted);
  show($("names-section"), encrypted);
  $("run").textContent = encrypted ? "Decrypt" : "Encrypt";
  const missing = [];
  if (!state.input) missing.push("images");
  if (!state.key) missing.push(encrypted ? "the key of this set" : "a key");
  const ready = missing.length === 0 && !state.running;
  $("run").disabled = !ready;
  $("missing").textContent = missing.length ? `Choose ${missing.join(" and ")} first.` : "";
  show($("missing"), missing.length > 0);
  for (const id of ["check", "measure", "device", "clear", "make-key", "open-key", "open-names"]) {
    $(id).disabled = state.running || !engine.worker;
  }
}
