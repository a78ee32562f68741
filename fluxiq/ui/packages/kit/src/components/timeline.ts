export type TimelineStep = { title: string; at?: string | null; state: 'done' | 'now' | 'wait' | 'failed'; text?: string }
