//! The seal of permits: what no crate outside may do does not compile.

#[test]
fn nothing_outside_makes_a_permit_or_takes_one_for_another() {
    trybuild::TestCases::new().compile_fail("tests/seal/*.rs");
}
