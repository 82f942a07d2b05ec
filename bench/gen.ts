import { generateLake } from './generated-lake.ts';
const [folder, t, d] = process.argv.slice(2);
console.time('gen');
console.log(await generateLake(folder!, Number(t), Number(d)));
console.timeEnd('gen');
