use dalston_auth::{Permit, right, rights};

right!(pub NotesRead = "notes:read");
right!(pub NotesWrite = "notes:write");

fn write_note(_: &Permit<NotesWrite>) {}

fn create_key(_: &Permit<rights::Admin>) {}

fn list_jobs(_: &Permit<rights::JobsRead>) {}

fn mix(reader: Permit<NotesRead>, jobs: Permit<rights::JobsWrite>) {
    write_note(&reader);
    create_key(&reader);
    list_jobs(&reader);
    write_note(&jobs);
}

fn main() {}
