import { describe, expect, test } from 'bun:test';
import { FileIndexes } from '@/supervisor/file_indexes.ts';

describe('metrics files', () => {
  test('are given out lowest first, the first being the supervisor’s own, and again after a death', () => {
    const files = new FileIndexes();
    expect([files.take(), files.take(), files.take()]).toEqual([1, 2, 3]);
    files.free(2);
    expect([files.take(), files.take()]).toEqual([2, 4]);
  });
});
