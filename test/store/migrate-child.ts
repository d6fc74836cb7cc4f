/** A process made to be killed while it migrates. `node migrate-child.ts OWNER_URL LOGIN` */
import { migrate } from '../../src/store/index.ts';

await migrate(process.argv[2]!, process.argv[3]!);
