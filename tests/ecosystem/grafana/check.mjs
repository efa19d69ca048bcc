// Writes TypeScript in which each dashboard claims to be what Grafana's own types say:
// node check.mjs DASHBOARDS FILE
import fs from 'node:fs';
import path from 'node:path';

const [folder, target] = process.argv.slice(2);
const RAW = '@grafana/schema/dist/types/raw/composable';
const OPTIONS = { stat: 'Stat', table: 'Table', timeseries: 'Series' };
const lines = [
  "import type { Dashboard } from '@grafana/schema';",
  `import type { Options as Stat } from '${RAW}/stat/panelcfg/x/types.gen';`,
  `import type { Options as Table } from '${RAW}/table/panelcfg/x/types.gen';`,
  `import type { Options as Series, FieldConfig } from '${RAW}/timeseries/panelcfg/x/types.gen';`,
  // A document has the values of an enumeration, and not its members.
  'type Json<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T',
  '  : T extends (infer U)[] ? Json<U>[] : { [K in keyof T]: Json<T[K]> };',
];
let number = 0;
const claim = (type, value) =>
  lines.push(`export const v${(number += 1)}: ${type} = ${JSON.stringify(value)};`);
for (const name of fs.readdirSync(folder)) {
  const board = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));
  claim('Json<Dashboard>', board);
  for (const panel of board.panels.filter((each) => each.type !== 'row')) {
    claim(`Partial<Json<${OPTIONS[panel.type]}>>`, panel.options);
    claim('Partial<Json<FieldConfig>>', panel.fieldConfig.defaults.custom ?? {});
  }
}
fs.writeFileSync(target, lines.join('\n') + '\n');
console.log(number);
