// Choosing images: by dropping, or by a dialogue. Folders are walked.
const isHidden = (path) => path.split("/").some((part) => part.startsWith("."));

// The files below an entry that was dropped.
async function walk(entry, before, found) {
  const path = before + entry.name;
  if (isHidden(path)) return;
  if (entry.isFile) {
    found.push({ path, file: await new Promise((done, fail) => entry.file(done, fail)) });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A reader gives at most a hundred entries at a time.
    const entries = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (entries.length === 0) return;
    for (const inner of entries) await walk(inner, `${path}/`, found);
  }
}

async function dropped(transfer) {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = [];
  if (entries.length === 0) {
    for (const file of transfer.files) found.push({ path: file.name, file });
  }
  for (const entry of entries) await walk(entry, "", found);
  await take(found, entries.length === 1 && entries[0].isDirectory ? entries[0].name : "");
}

// Takes files with their paths. Those of a single folder are named below it.
async function take(found, folder = "") {
  calm();
  const inside = found.filter(({ path }) => !isHidden(path));
  if (inside.length === 0) {
    alarm("There are no files in what you chose.");
    return;
  }
  const below = folder === "" ? 0 : folder.length + 1;
  const paths = inside.map(({ path }) => path.slice(below));
  const seen = new Set();
  const twice = paths.find((path) => seen.size === seen.add(path).size);
  if (twice !== undefined) {
    alarm(`Two of the files are called ${twice}: choose a folder that holds them in folders of their own.`);
    return;
  }
  const list = inside.map(({ file }) => file);
  const zip = paths.length === 1 && /\.zip$/i.test(paths[0]);
  const name = folder || (zip ? paths[0].replace(/\.zip$/i, "") : "images");
  $("chosen-state").textContent = "Looking at the files…";
  show($("drop"), false);
  show($("chosen"));
  try {
    // Set before the worker is asked. A preview that is under way then sees that there are files and does not choose
    // its drawing, and a file of names that is opened meanwhile is kept.
    state.handed = { paths, list };
    state.names = null;
    const input = await engine.ask("choose", { paths, list });
    state.input = { ...input, name };
    result.clear();
    describeInput();
    preview.list();
  } catch (error) {
    forget();
    failed(error);
  }
  refresh();
}

function describeInput() {
  const { encrypted, count, name, paths } = state.input;
  const packed = paths.some((path) => /names\.csv$/.test(path));
  $("chosen-state").textContent = encrypted
    ? `An encrypted set of ${counted(count - 1, "file")}${name ? `, ${name}` : ""}: it can be decrypted with its key.`
    : `${counted(count, "file")}${name && name !== "images" ? ` of ${name}` : ""}.`;
  if (encrypted && packed) $("names-state").textContent = "A file of names lies in the set.";
}

function forget() {
  state.input = null;
  state.handed = null;
  state.names = null;
  engine.ask("forget").catch(() => {});
  show($("drop"));
  show($("chosen"), false);
  result.clear();
  preview.list();
  refresh();
}

$("choose-files").addEventListener("click", () => $("files").click());
$("choose-folder").addEventListener("click", () => $("folder").click());
$("clear").addEventListener("click", () => {
  forget();
  $("choose-files").focus();
});
$("files").addEventListener("change", async ({ target }) => {
  const found = Array.from(target.files, (file) => ({ path: file.name, file }));
  target.value = "";
  if (found.length) await take(found);
});
$("folder").addEventListener("change", async ({ target }) => {
  const found = Array.from(target.files, (file) => ({ path: file.webkitRelativePath || file.name, file }));
  target.value = "";
  if (found.length) await take(found, found[0].path.split("/")[0]);
});
for (const event of ["dragenter", "dragover"]) {
  window.addEventListener(event, (dragged) => {
    dragged.preventDefault();
    document.body.classList.add("over");
  });
}
window.addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) document.body.classList.remove("over");
});
window.addEventListener("drop", async (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (state.running || !engine.worker) return;
  try {
    await dropped(event.dataTransfer);
  } catch (error) {
    failed(error);
  }
});
