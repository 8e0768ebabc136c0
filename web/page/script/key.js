// The key. It is kept in memory only, and in the file that the user saves.
const keyFile = () => `imgveil-${state.key.fingerprint.slice(0, 8)}.key`;

function useKey(text, fingerprint, words) {
  state.key = { text, fingerprint };
  $("key-state").replaceChildren(words, " Fingerprint ", make("code", {}, fingerprint), ".");
  show($("key-again"));
  preview.soon();
  refresh();
}

function saveKey() {
  save(keyFile(), [state.key.text], "text/plain");
}

$("make-key").addEventListener("click", async () => {
  calm();
  try {
    const created = `${new Date().toISOString().slice(0, 19)}Z`;
    const { text } = await engine.ask("makeKey", { created });
    const bytes = new TextEncoder().encode(text);
    const fingerprint = await engine.ask("fingerprint", { text: bytes });
    useKey(bytes, fingerprint, "");
    $("key-state").prepend(`Saved as ${keyFile()}. Without this file nobody can decrypt, not even you.`);
    saveKey();
  } catch (error) {
    failed(error);
  }
});
$("save-key").addEventListener("click", saveKey);
$("open-key").addEventListener("click", () => $("key-file").click());
$("key-file").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (!file) return;
  calm();
  try {
    // What is longer is no key file, and need not be read.
    const text = new Uint8Array(await file.slice(0, 16384).arrayBuffer());
    useKey(text, await engine.ask("fingerprint", { text }), `The key of ${file.name}.`);
  } catch (error) {
    failed(error);
  }
});

$("open-names").addEventListener("click", () => $("names-file").click());
$("names-file").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (!file) return;
  try {
    state.names = new Uint8Array(await file.arrayBuffer());
    $("names-state").textContent = `${file.name}: images get their names back.`;
  } catch (error) {
    failed(error);
  }
});
