// Two web servers in a private network, for golem-js 3.6.0. Argument: the image's hash.
// The library's own proxy answers at a local port by what an instance serves; the instances read each other.
import { createServer } from "node:net";
import { GolemNetwork } from "@golem-sdk/golem-js";

const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

async function serve(unit) {
  const name = unit.provider.name;
  await unit
    .beginBatch()
    .run(`echo served by ${name} > /golem/work/index.html`)
    .run("busybox httpd -p 80 -h /golem/work")
    .end();
}

async function read(unit, ip) {
  const result = await unit.run(`busybox wget -qO- http://${ip}/index.html`);
  console.log("read", unit.provider.name, result.stdout.trim());
}

async function visit(unit) {
  const proxy = unit.createTcpProxy(80);
  const port = await freePort();
  await proxy.listen(port);
  const answer = await fetch(`http://127.0.0.1:${port}/index.html`);
  console.log("visited", answer.status, (await answer.text()).trim());
  await proxy.close();
}

const golem = new GolemNetwork();
try {
  await golem.connect();
  const network = await golem.createNetwork({ ip: "192.168.0.0/24" });
  const order = {
    demand: {
      workload: { imageHash: process.argv[2], minMemGib: 0.1, minStorageGib: 0.1, capabilities: ["vpn"] },
    },
    market: {
      rentHours: 0.25,
      pricing: { model: "linear", maxStartPrice: 0.5, maxCpuPerHourPrice: 1.0, maxEnvPerHourPrice: 0.5 },
    },
    network,
  };
  const pool = await golem.manyOf({ poolSize: 2, order });
  const rentals = [await pool.acquire(), await pool.acquire()];
  const units = await Promise.all(rentals.map((rental) => rental.getExeUnit()));
  await Promise.all(units.map(serve));
  for (const unit of units) {
    await visit(unit);
    for (const other of units) await read(unit, other.getIp());
  }
  await pool.drainAndClear();
  await golem.destroyNetwork(network);
} finally {
  await golem.disconnect();
  console.log("disconnected");
}
