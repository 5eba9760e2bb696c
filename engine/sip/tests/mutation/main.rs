//! Every header of every valid message, one at a time: empty, one byte, 64 KB, NUL, bad UTF-8, folded, twice, missing,
//! 2^31, 2^64 and -1; through the reader, the framer, the transaction layer and dialogs. Nothing panics, what is refused
//! is refused with the right class of status, and memory stays in proportion to what came in.

mod change;
mod memory;
mod messages;
mod reading;
mod streams;
mod transactions;
