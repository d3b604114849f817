/** What can start a workflow by itself. Any workflow can also be started by hand. */

export interface TriggerType {
  /** As definitions name it, such as `lead.created`. */
  readonly name: string;
  readonly description: string;
}
