/** How a request ended, as hooks after the answer find it. */

/** The status of an answer: of the Response itself where a handler made one, else what was set. */
export function statusOf(answer: unknown, set: number | string | undefined): number {
  if (answer instanceof Response) return answer.status;
  return typeof set === 'number' ? set : 200;
}
