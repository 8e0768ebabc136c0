// Encrypting and decrypting all images, with progress, and what comes out.
const result = {
  clear() {
    show($("result"), false);
    $("result").replaceChildren();
  },

  show(...content) {
    $("result").replaceChildren(...content);
    show($("result"));
    $("result").focus({ preventScroll: false });
  },
};

// Files that were set aside, with the reasons.
function setAside(failed) {
  if (failed.length === 0) return [];
  const items = failed.slice(0, 20).map(({ path, reason }) => make("li", {}, `${path}: ${reason}`));
  if (failed.length > 20) items.push(make("li", {}, `and ${counted(failed.length - 20, "other")}`));
  const were = failed.length === 1 ? "was" : "were";
  const words = `${counted(failed.length, "image")} could not be read and ${were} set aside:`;
  return [make("p", { class: "bad" }, words), make("ul", {}, ...items)];
}

function progressed({ total, done, bytes, failed, zip, first }, parts, firsts) {
  // A blob may lie on the disk; an array stays in memory.
  if (zip) parts.push(new Blob([zip]));
  if (first) firsts.push(first);
  $("progress").max = Math.max(total, 1);
  $("progress").value = done + failed;
  $("progress-state").textContent = `${number(done)} of ${counted(total, "image")}, ${number(bytes / 1e6, 1)} MB`;
  // Said aloud at the quarters only.
  const quarter = Math.floor((4 * (done + failed)) / Math.max(total, 1));
  if ($("spoken").dataset.quarter !== String(quarter)) {
    $("spoken").dataset.quarter = String(quarter);
    $("spoken").textContent = `${25 * quarter} % done`;
  }
}

async function runJob() {
  calm();
  result.clear();
  state.running = true;
  refresh();
  show($("cancel"));
  show($("running"));
  $("cancel").disabled = false;
  $("cancel").focus();
  const { encrypted, name } = state.input;
  const folder = `${name.replace(/[\\/:*?"<>|]/g, "_")}-encrypted`;
  const [parts, firsts] = [[], []];
  const onprogress = (progress) => progressed(progress, parts, firsts);
  try {
    const key = state.key.text;
    const end = encrypted
      ? await engine.ask("decrypt", { key, name, names: state.names }, onprogress)
      : await engine.ask(
        "encrypt", { key, asked: asked(), name, folder, withNames: $("with-names").checked }, onprogress);
    if (end.cancelled) {
      result.show(make("p", {}, `Cancelled after ${counted(end.done, "image")}. Nothing was kept.`));
    } else {
      parts.push(new Blob([end.zip]));
      if (encrypted) decrypted(end, name, parts);
      else encryptedSet(end, folder, parts);
    }
  } catch (error) {
    await failed(error);
  } finally {
    state.running = false;
    show($("cancel"), false);
    show($("running"), false);
    refresh();
    preview.soon();
    if (document.activeElement === document.body) $("run").focus();
  }
}

// The button that saves the zip file.
function zipButton(onclick) {
  return make("p", {},
    make("button", { type: "button", class: "button main", id: "save-zip", onclick }, "Save the zip file"));
}

function speed({ bytes, seconds }) {
  const rate = bytes / 1e6 / Math.max(seconds, 1e-3);
  return `${number(seconds, 2)} s, ${number(rate, 1)} MB/s`;
}

function encryptedSet(end, folder, parts) {
  const zip = () => save(`${folder}.zip`, parts, "application/zip");
  const names = () => save(`${folder}.names.csv`, [end.names], "text/csv");
  const content = [
    make("p", { class: "good" }, `${counted(end.images, "image")} encrypted (${speed(end)}).`),
    zipButton(zip),
  ];
  if (end.names) {
    content.push(make("p", {},
      make("button", { type: "button", class: "button", id: "save-names", onclick: names }, "Save the file of names"),
      " It tells which image is whose: keep it with the key."));
  }
  if (end.passedOver.length) {
    const list = end.passedOver.slice(0, 5).join(", ");
    const more = end.passedOver.length > 5 ? ", …" : "";
    content.push(make("p", {}, `${counted(end.passedOver.length, "file")} passed over: ${list}${more}.`));
  }
  content.push(...setAside([...end.failed]));
  if (end.notes.length) {
    const notes = end.notes.map((note) => make("li", {}, note));
    content.push(make("p", {}, "Good to know:"), make("ul", {}, ...notes));
  }
  result.show(...content);
}

function decrypted(end, name, parts) {
  const zip = () => save(`${name}-decrypted.zip`, parts, "application/zip");
  result.show(
    make("p", { class: "good" }, `${counted(end.done, "image")} decrypted and compared (${speed(end)}).`),
    make("p", {}, `Scheme ${end.scheme}; ${end.trust}.`),
    zipButton(zip),
    ...setAside(end.failed));
}

// Tells what failed. After a breakdown the worker starts anew, with the same files.
async function failed(error) {
  // It was asked of a worker that is no more.
  if (error?.kind === "ended") return;
  const words = error?.words ?? error?.message ?? String(error);
  if (error?.kind !== "broken") {
    alarm(words);
    return;
  }
  alarm(`The program broke down (${words}). Most often the memory of the tab is too small for an image. It was started `
    + "again, and nothing was saved.");
  try {
    await engine.start();
    await useDevice(state.device);
    if (state.handed) await engine.ask("choose", state.handed);
  } catch (again) {
    alarm(`The program broke down and does not start again: ${again?.words ?? again}. Load the page again.`);
  }
}

$("run").addEventListener("click", runJob);
$("cancel").addEventListener("click", () => {
  $("cancel").disabled = true;
  engine.ask("stop").catch(() => {});
});
