//! The documents: what is generated is equal to the code, every link leads somewhere, every block
//! of shell runs as printed, every page is in the book.

mod blocks;
mod generated;
mod links;
mod log_events;
