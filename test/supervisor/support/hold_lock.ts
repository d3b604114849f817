/** Takes the lock of the data folder that is its argument, says so, and holds it until it is killed. */
import { prepareDataFolder } from '@/supervisor/data_folder.ts';
import { lockDataFolder } from '@/supervisor/lock.ts';

lockDataFolder(prepareDataFolder(process.argv[2] ?? ''));
process.stdout.write('locked\n');
setInterval(() => undefined, 1_000);
