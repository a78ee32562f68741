/** How many rows a list of the desk begins with, and how many the API gives at most. */
export const ROWS = 50
export const ROWS_MAX = 1000
