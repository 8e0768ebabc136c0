// The start of the page.
async function begin() {
  try {
    await engine.unpack();
    const started = await engine.start();
    state.presets = started.presets;
    $("version").textContent = started.tool;
    await firstDevice(started);
    fillSchemes(started.usual);
    refresh();
    preview.soon();
    document.body.dataset.ready = "yes";
  } catch (error) {
    $("device-state").textContent = "It did not start.";
    alarm(error?.words ?? error?.message ?? String(error));
  }
  // For use without a network. A page that is opened as a file needs none.
  if (location.protocol.startsWith("http") && "serviceWorker" in navigator) {
    navigator.serviceWorker.register("sw.js").catch(() => {});
  }
}

begin();
