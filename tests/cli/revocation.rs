//! Revocation lists in a configuration: which are refused, and which deserve a look.

use std::fs;

use super::{Operator, pki};

const LIST_LIFE: time::Duration = time::Duration::days(7);

#[test]
fn files_that_hold_no_usable_revocation_list_are_refused() {
    let operator = Operator::new();
    operator.edit("private_key", "crl = [\"a.crl\"]\nprivate_key");
    operator.is_told(&["environments.preprod.crl", "a.crl", "there is no file"]);
    let list = operator.clients.crl(7, &[], LIST_LIFE);
    // The crlNumber (2.5.29.20) turned into a deltaCRLIndicator (2.5.29.27), which has the same form.
    let mut delta = pki::der(&list);
    let number = delta.windows(5).position(|bytes| bytes == [6, 3, 0x55, 0x1d, 20]).unwrap();
    delta[number + 4] = 27;
    let certificate = operator.clients.pem();
    let cut = list.lines().take(3).collect::<Vec<_>>().join("\n");
    for (contents, words) in [
        (Vec::new(), "there is no certificate revocation list in it"),
        (b"a list".to_vec(), "there is no certificate revocation list in it"),
        (pki::pem("X509 CRL", &[0x30; 60]).into_bytes(), "this is not a certificate revocation list"),
        (operator.clients.certificate().to_vec(), "this is a certificate, not a certificate revocation list"),
        (cut.into_bytes(), "BEGIN X509 CRL has no END X509 CRL"),
        (certificate.into_bytes(), "CA certificates belong into client_ca"),
        (operator.clients.key_pem().into_bytes(), "private key in a file of certificate revocation lists"),
        (delta, "this is a delta list, which holds changes only; take the CA's complete list"),
        (operator.clients.impostor().crl(8, &[], LIST_LIFE).into_bytes(), "is not signed by that CA's key"),
    ] {
        fs::write(operator.directory.path().join("a.crl"), contents).unwrap();
        operator.is_told(&["environments.preprod.crl", "a.crl", words]);
    }
    operator.write("a.crl", &list);
    let words = operator.is_warned();
    assert!(words.contains("if-covered: whoever is on a list is refused"), "control: {words}");
    assert!(words.contains("CN=Client Root, 0 revoked"), "{words}");
}

#[test]
fn a_revocation_list_that_deserves_a_look_is_warned_of() {
    let operator = Operator::new();
    let list = |number| operator.clients.crl(number, &[], LIST_LIFE);
    operator.edit("private_key", "crl = [\"a.crl\"]\nprivate_key");
    for (lists, warning) in [
        (list(1), None),
        (list(1) + &list(2), Some("is left out: number 2 of")),
        (list(3).repeat(2), Some("is the same list as number 1 of")),
        (
            operator.clients.crl(1, &[], time::Duration::seconds(8)),
            Some("clients that it covers are refused from then on"),
        ),
        (operator.clients.intermediate("Issuing CA").crl(1, &[], LIST_LIFE), Some("its issuer is not in client_ca")),
    ] {
        operator.write("a.crl", &lists);
        let words = operator.is_warned();
        let told = words.contains("crl:") || words.contains("refused from then on");
        assert_eq!(told, warning.is_some(), "{words}");
        assert!(words.contains(warning.unwrap_or_default()), "{warning:?}: {words}");
    }
    // The life of a list that is good for long is told too, and to whom it falls to make the next.
    for (life, to_do) in
        [(time::Duration::days(27), false), (time::Duration::days(400), false), (time::Duration::seconds(12), true)]
    {
        operator.write("a.crl", &operator.clients.crl(1, &[], life));
        let words = operator.is_warned();
        assert!(words.contains("a.crl of") && words.contains("CN=Client Root is good until"), "{words}");
        assert_eq!(
            words.contains("Make the next one with `issuer-host crl`, or get it from the CA."),
            to_do,
            "{words}"
        );
    }
    operator.write("a.crl", &operator.clients.crl(1, &[], time::Duration::seconds(-10)));
    let words = operator.falls_short();
    assert!(words.contains("crl: ") && words.contains("expired at"), "everybody is refused: {words}");
    operator.edit("private_key", "revocation = \"off\"\nprivate_key");
    operator.write("a.crl", &list(1));
    let words = operator.is_warned();
    assert!(
        words.contains("revocation is \"off\": the lists of environments.preprod.crl are not consulted"),
        "{words}"
    );
}

#[test]
fn a_mode_of_revocation_that_makes_no_sense_is_refused() {
    let operator = Operator::new();
    operator.edit("private_key", "revocation = \"require\"\nprivate_key");
    operator.is_told(&["environments.preprod.revocation", "\"require\" would refuse everybody"]);
    operator.edit("require", "if-covered");
    operator.is_told(&["environments.preprod.revocation", "\"if-covered\" would check nothing"]);
    operator.edit("if-covered", "sometimes");
    operator.is_told(&["environments.preprod.revocation", "sometimes", "if-covered"]);
}
