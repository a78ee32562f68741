/**
 * The columns of the list. Each row is a grid of its own, and not a row of a table, which is laid out with
 * all the others: the browser leaves out those that nobody sees, and who reads still has every one.
 */
export const ROW_GRID =
  'grid items-center grid-cols-[minmax(0,1fr)_6rem] sm:grid-cols-[minmax(0,1fr)_12rem_7rem_7rem_7rem] lg:grid-cols-[minmax(0,1fr)_12rem_7rem_7rem_7rem_minmax(0,1fr)]'
