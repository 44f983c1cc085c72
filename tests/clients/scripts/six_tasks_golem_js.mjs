// Six small tasks with files, a command that fails and one whose output is streamed, for golem-js 3.6.0.
// Arguments: the image's hash; how files go: by the daemon's WebSocket (ws) or the program gftp.
import { GolemNetwork } from "@golem-sdk/golem-js";

const order = {
  demand: { workload: { imageHash: process.argv[2], minMemGib: 0.1, minStorageGib: 0.1 } },
  market: {
    rentHours: 0.25,
    pricing: { model: "linear", maxStartPrice: 0.5, maxCpuPerHourPrice: 1.0, maxEnvPerHourPrice: 0.5 },
  },
};
const JOIN = "cat /golem/work/params.json /golem/resource/common.bin > /golem/output/joined.bin; echo done-";

async function join(rental, number) {
  const unit = await rental.getExeUnit();
  const results = await unit
    .beginBatch()
    .uploadFile("common.bin", "/golem/resource/common.bin")
    .uploadJson({ number }, "/golem/work/params.json")
    .run(`${JOIN}${number}`)
    .downloadFile("/golem/output/joined.bin", `joined_${number}.bin`)
    .end();
  console.log("result", number, results[2].stdout.trim());
}

async function fail(rental) {
  const unit = await rental.getExeUnit();
  const failed = await unit.run("echo bad-news >&2; exit 3");
  console.log("failed", failed.result, failed.stderr.trim(), failed.message);
}

async function stream(rental) {
  const unit = await rental.getExeUnit();
  const remote = await unit.runAndStream("for n in 1 2 3; do echo line-$n; sleep 1; done; echo end >&2");
  remote.stdout.subscribe((text) => console.log("out", performance.now() / 1000, text.trim()));
  remote.stderr.subscribe((text) => console.log("err", performance.now() / 1000, text.trim()));
  const ended = await remote.waitForExit();
  console.log("executed", performance.now() / 1000, ended.result);
}

const network = new GolemNetwork({ dataTransferProtocol: process.argv[3] });
try {
  await network.connect();
  const pool = await network.manyOf({ poolSize: { min: 0, max: 2 }, order });
  await Promise.all([0, 1, 2, 3, 4, 5].map((number) => pool.withRental((rental) => join(rental, number))));
  await pool.withRental(fail);
  await pool.withRental(stream);
  await pool.drainAndClear();
} finally {
  await network.disconnect();
  console.log("disconnected");
}
