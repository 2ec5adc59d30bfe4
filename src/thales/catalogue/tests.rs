mod drift;
mod files;

use super::*;

#[test]
fn every_file_that_is_compiled_in_can_be_read() {
    for (name, text) in BUILT_IN {
        let read = CatalogueFile::parse(name, text).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert!(!read.operations.is_empty(), "{name}");
        assert!(read.operations.iter().all(|(_, operation)| format!("{}.toml", operation.product) == name), "{name}");
    }
}

#[test]
fn names_are_unique_within_their_product_unless_it_is_one_call_of_two_specifications() {
    let operations = Catalogue::built_in().operations();
    for (at, one) in operations.iter().enumerate() {
        for other in operations.iter().skip(at + 1).filter(|other| one.is_row_of(other)) {
            assert_eq!(one.name, "getCardCredentials");
            assert_ne!(one.api, other.api);
        }
    }
}

#[test]
fn what_must_never_reach_a_disk_is_marked() {
    let sensitive: Vec<_> = Catalogue::built_in()
        .operations()
        .iter()
        .filter(|operation| operation.is_sensitive())
        .map(|operation| operation.name.as_str())
        .collect();
    assert_eq!(sensitive, ["sendOTP", "getToken", "deliverOtp", "setCardPin", "getAccessToken"]);
}
