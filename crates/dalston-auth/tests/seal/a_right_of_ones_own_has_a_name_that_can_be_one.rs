use dalston_auth::right;

right!(pub Upper = "Notes:read");
right!(pub Everything = "*");
right!(pub LookAlike = "n\u{43e}tes:read");
right!(pub Keys = "admin");

fn main() {}
