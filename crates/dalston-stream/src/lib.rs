//! Live audio: the connection to a worker, and the built-in worker.
