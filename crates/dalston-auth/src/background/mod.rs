//! What a node does beside its requests: it follows the changes that other nodes make, and writes the usage that it
//! counted. Each is a value that whoever runs the node runs until it stops.

mod change_feed;
mod usage_writer;

pub use change_feed::{ChangeFeed, FeedPosition};
pub use usage_writer::UsageWriter;
