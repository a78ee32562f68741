export type DescriptionItem = { label: string; value?: string | number | null; key?: string }
