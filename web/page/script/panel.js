// Known answers and speed of this device.
const figures = { answers: null, speeds: [] };

async function inPanel(task, data, onprogress) {
  calm();
  state.running = true;
  refresh();
  show($("stop"));
  try {
    return await engine.ask(task, data, onprogress);
  } catch (error) {
    if (error.kind === "broken") await failed(error);
    return { error };
  } finally {
    state.running = false;
    show($("stop"), false);
    refresh();
  }
}

const deviceName = () => (state.device === "gpu" ? state.adapter.name : "CPU, WebAssembly");

$("check").addEventListener("click", async () => {
  const line = $("check-state");
  line.className = "";
  const end = await inPanel("check", {}, ({ done, total }) => {
    if (done % 64 === 0) line.textContent = `${done} of ${total}`;
  });
  if (end.cancelled) {
    line.textContent = "Stopped.";
    return;
  }
  line.className = end.error ? "bad" : "good";
  line.textContent = end.error
    ? `✗ ${deviceName()} computes wrong bits: ${end.error.words}. Do not use it.`
    : `✓ All ${end.total} known answers hold on ${deviceName()}.`;
  figures.answers = { device: state.device, held: !end.error, hashes: end.hashes ?? [] };
  show($("report"));
});

$("measure").addEventListener("click", async () => {
  figures.speeds = [];
  $("speeds").replaceChildren();
  show($("speed"));
  const schemes = state.presets.map(({ name }) => name).filter((name) => name !== "none");
  const end = await inPanel("measure", { schemes }, ({ scheme, images, gigabytes, runs }) => {
    figures.speeds.push({ scheme, images_per_second: images, gigabytes_per_second: gigabytes, runs });
    $("speeds").append(make("tr", {}, make("th", { scope: "row" }, scheme), make("td", {}, number(images)),
      make("td", {}, number(gigabytes, 3))));
  });
  if (end.error) $("check-state").textContent = end.error.words;
  show($("report"));
});

$("stop").addEventListener("click", () => engine.ask("stop").catch(() => {}));
$("report").addEventListener("click", () => {
  const report = {
    tool: $("version").textContent, adapter: state.adapter, device: state.device, browser: navigator.userAgent,
    image: "224x224x3", batch: 64, ...figures,
  };
  save("imgveil-device.json", [JSON.stringify(report, null, 1)], "application/json");
});
