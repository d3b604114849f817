/**
 * Names of backups: `audit_backup_YYYYMMDD_HHMMSS.log[.gz]` in UTC, with `_002`, `_003` … when several are made in
 * one second. The order of the stems is the order in which they were made.
 */

const NAME = /^(audit_backup_(\d{4})(\d{2})(\d{2})_(\d{2})(\d{2})(\d{2})(?:_\d{3})?)\.log(\.gz)?$/;
const PART = /^\.audit_backup_[\d_]+\.part$/;

export const MOST_A_SECOND = 999;

export interface BackupName {
  readonly name: string;
  /** Without the endings. */
  readonly stem: string;
  readonly compressed: boolean;
  /** Epoch milliseconds, to the second. */
  readonly createdAt: number;
}

/** Takes a name apart; null for any other text, so that a name can never lead out of the folder. */
export function parseBackupName(name: string): BackupName | null {
  const match = NAME.exec(name);
  if (!match) return null;
  const [, stem = '', year, month, day, hour, minute, second, gz] = match;
  const createdAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(createdAt) ? null : { name, stem, compressed: gz !== undefined, createdAt };
}

/** The stem of the `nth` backup of a second, from 1. */
export function backupStem(epochMs: number, nth: number): string {
  const [day = '', time = ''] = new Date(epochMs)
    .toISOString()
    .replaceAll(/[-:]|\..*/g, '')
    .split('T');
  return `audit_backup_${day}_${time}${nth === 1 ? '' : `_${String(nth).padStart(3, '0')}`}`;
}

/** The name under which a backup is written until it is whole. */
export const partName = (stem: string): string => `.${stem}.part`;

export const isPartName = (name: string): boolean => PART.test(name);
