// The key. It is kept in memory only, and in the file that the user saves.
const keyFile = () => `imgveil-${state.key.fingerprint.slice(0, 8)}.key`;

// A key file with a passphrase that is not typed yet.
let sealed = null;

// Takes a key: its text, and the file that is saved of it.
function useKey({ text, file, fingerprint }, ...words) {
  state.key = { text, file, fingerprint };
  sealed = null;
  $("passphrase").value = "";
  $("key-state").replaceChildren(...words, " Fingerprint ", make("code", {}, fingerprint), ".");
  show($("unseal"), false);
  show($("key-again"));
  preview.soon();
  refresh();
}

function saveKey() {
  save(keyFile(), [state.key.file], "text/plain");
}

// Runs what takes about a second, while the page says so.
async function costly(words, work) {
  const before = [...$("key-state").childNodes];
  if ($("passphrase").value) $("key-state").replaceChildren(words);
  try {
    await work();
  } catch (error) {
    $("key-state").replaceChildren(...before);
    failed(error);
  }
}

$("make-key").addEventListener("click", () => {
  calm();
  costly("Sealing the key…", async () => {
    const created = `${new Date().toISOString().slice(0, 19)}Z`;
    const passphrase = $("passphrase").value;
    useKey(await engine.ask("makeKey", { created, passphrase }), "");
    const needed = passphrase ? "Without this file and its passphrase" : "Without this file";
    $("key-state").prepend(`Saved as ${keyFile()}. ${needed} nobody can decrypt, not even you.`);
    saveKey();
  });
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
    openKey(file.name, new Uint8Array(await file.slice(0, 16384).arrayBuffer()));
  } catch (error) {
    failed(error);
  }
});

function openKey(name, file) {
  return costly("Opening the key file…", async () => {
    const key = await engine.ask("openKey", { file, passphrase: $("passphrase").value });
    if (key.text) {
      useKey(key, `The key of ${name}.`);
      return;
    }
    sealed = { name, file };
    $("key-state").replaceChildren(`${name} has a passphrase: type it, and open the file.`);
    show($("unseal"));
    $("passphrase").focus();
  });
}

function openSealed() {
  if (!sealed || !$("passphrase").value) return;
  calm();
  openKey(sealed.name, sealed.file);
}
$("unseal").addEventListener("click", openSealed);
$("passphrase").addEventListener("keydown", ({ key }) => {
  if (key === "Enter") openSealed();
});
$("reveal").addEventListener("change", ({ target }) => {
  $("passphrase").type = target.checked ? "text" : "password";
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
