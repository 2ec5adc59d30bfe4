use super::*;

#[test]
fn every_file_that_is_compiled_in_can_be_read() {
    for (name, text) in BUILT_IN {
        let read = CatalogueFile::parse(name, text).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert!(!read.operations.is_empty(), "{name}");
        assert!(read.operations.iter().all(|(_, operation)| format!("{}.toml", operation.product) == name), "{name}");
    }
    assert_eq!(Catalogue::built_in().operations().len(), 34);
}
