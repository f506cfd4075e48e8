/** Who records jobs shares this lock, who erases one has it alone: so neither overlooks what the other is about to commit. */
export const ERASURE_LOCK = 7_401_954;
