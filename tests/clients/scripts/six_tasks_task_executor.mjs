// Six small tasks with files, for task-executor 2.0.1. Argument: the image's hash.
import { TaskExecutor } from "@golem-sdk/task-executor";

const JOIN = "cat /golem/work/params.json /golem/resource/common.bin > /golem/output/joined.bin; echo done-";

const executor = await TaskExecutor.create({
  demand: { workload: { imageHash: process.argv[2], minMemGib: 0.1, minStorageGib: 0.1 } },
  market: {
    rentHours: 0.25,
    pricing: { model: "linear", maxStartPrice: 0.5, maxCpuPerHourPrice: 1.0, maxEnvPerHourPrice: 0.5 },
  },
  task: { maxParallelTasks: 2 },
});

async function join(unit, number) {
  await unit.uploadFile("common.bin", "/golem/resource/common.bin");
  await unit.uploadJson({ number }, "/golem/work/params.json");
  const joined = await unit.run(`${JOIN}${number}`);
  await unit.downloadFile("/golem/output/joined.bin", `joined_${number}.bin`);
  return joined.stdout.trim();
}

try {
  const numbers = [0, 1, 2, 3, 4, 5];
  const results = await Promise.all(numbers.map((number) => executor.run((unit) => join(unit, number))));
  results.forEach((result, number) => console.log("result", number, result));
} finally {
  await executor.shutdown();
}
