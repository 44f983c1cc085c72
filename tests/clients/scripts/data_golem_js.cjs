// Bytes to a provider and back, for golem-js 3.6.0. Argument: the image's hash.
// As CommonJS, because `downloadData` of the published ES module calls a function that is not there.
const { GolemNetwork } = require("@golem-sdk/golem-js");

const order = {
  demand: { workload: { imageHash: process.argv[2], minMemGib: 0.1, minStorageGib: 0.1 } },
  market: {
    rentHours: 0.25,
    pricing: { model: "linear", maxStartPrice: 0.5, maxCpuPerHourPrice: 1.0, maxEnvPerHourPrice: 0.5 },
  },
};
const SENT = new Uint8Array(500_000).map((_, index) => (index * index) % 251);

async function main() {
  const network = new GolemNetwork();
  try {
    await network.connect();
    const rental = await network.oneOf({ order });
    const unit = await rental.getExeUnit();
    await unit.uploadData(SENT, "/golem/work/sent.bin");
    const copied = await unit.run("cp /golem/work/sent.bin /golem/output/copy.bin");
    const { data } = await unit.downloadData("/golem/output/copy.bin");
    console.log("same", copied.result, Buffer.compare(Buffer.from(data), Buffer.from(SENT)));
    await rental.stopAndFinalize();
  } finally {
    await network.disconnect();
  }
}

main();
