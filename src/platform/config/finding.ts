/** What a look at a configuration brings up: by the server at its start, and by `config check` before that. */

export interface Finding {
  /** `error`: the server refuses to start. `warning`: it starts, and somebody should look. `note`: worth knowing. */
  readonly level: 'error' | 'warning' | 'note';
  /** Names keys as `section.key`. Never holds a secret. */
  readonly message: string;
  /** JSON pointer into the configuration, where it is about one key. */
  readonly pointer?: string;
  /** Where the value comes from: file with line and column, variable or flag. */
  readonly where?: string;
  /** Exit code of a refusal: 2 for the configuration, 1 for the machine. 2 unless given. */
  readonly exitCode?: 1 | 2;
}

/** A finding as one line. */
export const sentence = ({ where, message }: Finding): string => (where ? `${where}: ${message}` : message);

export const isError = ({ level }: Finding): boolean => level === 'error';
