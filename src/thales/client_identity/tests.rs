use super::*;

const RSA_4096: PublicKey = PublicKey::Rsa { bits: 4096 };
const PPR: EnvironmentCode = EnvironmentCode::PreProduction;

fn named(service: Service, template: &str, key: &PublicKey) -> Result<CommonName, Refusal> {
    let identifier = Identifier::new(service, "TSP0001").unwrap();
    CommonName::from_template(service, template, key, &identifier, PPR)
}

#[test]
fn each_service_takes_its_own_kinds_of_keys() {
    let key = |kind: KeyKind| kind.public_key();
    for (service, taken, refused) in [
        (Service::Xpay, [KeyKind::P256, KeyKind::Rsa4096].as_slice(), [KeyKind::Rsa2048, KeyKind::P384].as_slice()),
        (Service::D1, &[KeyKind::P256, KeyKind::Rsa4096], &[KeyKind::Rsa2048, KeyKind::P384]),
        (Service::MerchantTokenization, &[KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048], &[KeyKind::Rsa4096]),
    ] {
        assert!(taken.iter().all(|kind| service.admits(&key(*kind)).is_ok()), "{service:?}");
        for kind in refused {
            let refusal = service.admits(&key(*kind)).unwrap_err();
            assert_eq!(refusal.requirement(), Requirement::I2);
        }
    }
    let refusal = Service::D1.admits(&key(KeyKind::Rsa2048)).unwrap_err().to_string();
    assert_eq!(refusal, "D1 refuses RSA with 2048 bits: take EC P-256 or RSA with 4096 bits");
    assert_eq!(Service::MerchantTokenization.key_names(), "EC P-256, EC P-384 or RSA with 2048 bits");
}

#[test]
fn a_common_name_tells_algorithm_identifier_and_environment() {
    for (key, expected) in
        [(&RSA_4096, "TLSMA-RSA/TSP0001/TSH/TSP.PPR"), (&PublicKey::P256, "TLSMA-ECDSA/TSP0001/TSH/TSP.PPR")]
    {
        let name = named(Service::Xpay, CommonName::default_template(), key).unwrap();
        assert_eq!((name.as_str(), name.environment()), (expected, Some(PPR)));
    }
    let name = named(Service::Xpay, "TLSMA-{algorithm}/{id}/TSH/TSH.{env}", &PublicKey::P256).unwrap();
    assert_eq!(name.as_str(), "TLSMA-ECDSA/TSP0001/TSH/TSH.PPR");
    let name = named(Service::D1, "TLSMA-{algorithm}/{id}/whatever", &PublicKey::P256).unwrap();
    assert_eq!((name.as_str(), name.environment()), ("TLSMA-ECDSA/TSP0001/whatever", None));
}

#[test]
fn a_common_name_beside_the_pattern_is_refused_with_its_number() {
    for (service, template, requirement, words) in [
        (Service::Xpay, "TLSMA-RSA/{id}/TSH/TSP.{env}", Requirement::I4, "must begin with TLSMA-ECDSA/"),
        (Service::D1, "TLSMA-RSA/{id}/TSH/TSP.{env}", Requirement::I4, "must begin with TLSMA-ECDSA/"),
        (Service::D1, "tlsma-{algorithm}/{id}", Requirement::I4, "must begin with TLSMA-ECDSA/"),
        (Service::Xpay, "TLSMA-{algorithm}/{id}/TSP.{env}", Requirement::I4, "/TSH/TSP.PPR"),
        (Service::Xpay, "TLSMA-{algorithm}/{id}/TSH/TSP.{env}/x", Requirement::I4, "/TSH/TSP.PPR"),
        (Service::Xpay, "TLSMA-{algorithm}/{id}/TSH/TSP.TST", Requirement::I4, "/TSH/TSP.PPR"),
        (Service::Xpay, "TLSMA-{algorithm}/other/TSH/TSP.{env}", Requirement::I4, "put {id} into the template"),
        (Service::D1, "TLSMA-{algorithm}//{id}", Requirement::I4, "has no identifier"),
        (Service::Xpay, "TLSMA-{algorithm}/{tspId}/TSH/TSP.{env}", Requirement::I4, "holds {tspId}"),
        (Service::Xpay, "TLSMA-{algorithm}/{id}/TSH/TSP.PRD", Requirement::I5, "PRD, the code of production"),
        (Service::D1, "TLSMA-{algorithm}/{id}/X.PRD", Requirement::I5, "the environment is pre-production"),
    ] {
        let refusal = named(service, template, &PublicKey::P256).unwrap_err();
        assert_eq!(refusal.requirement(), requirement, "{refusal}");
        assert!(refusal.to_string().contains(words), "{words}: {refusal}");
    }
}

#[test]
fn an_identifier_is_what_stands_between_two_slashes() {
    for given in ["", "a/b", "<tspId>", "{id}", "a b", "é", "a\nb", "\"a\""] {
        let refusal = Identifier::new(Service::Xpay, given).unwrap_err();
        assert_eq!(refusal.requirement(), Requirement::I4);
        assert!(refusal.to_string().contains("is no tspId") && !refusal.to_string().contains('\n'), "{refusal}");
    }
    assert!(Identifier::new(Service::D1, "gateway-1_a.b@c").is_ok(), "control");
}

#[test]
fn a_renewal_goes_on_with_one_fitting_name() {
    let subject = |names: &[&str]| {
        let parts: Vec<_> = names.iter().map(|name| (Part::CommonName, *name)).collect();
        Subject::of(&parts).unwrap()
    };
    let of = |names: &[&str]| CommonName::of_subject(Service::Xpay, &subject(names), &RSA_4096);
    let name = "TLSMA-RSA/TSP0001/TSH/TSP.PRD";
    assert_eq!(of(&[name]).unwrap().environment(), Some(EnvironmentCode::Production));
    assert_eq!(of(&[]), Err(Refusal::CommonNames(0)));
    assert_eq!(of(&[name, name]), Err(Refusal::CommonNames(2)));
    let other_key = CommonName::of_subject(Service::Xpay, &subject(&[name]), &PublicKey::P256).unwrap_err();
    assert_eq!(other_key.requirement(), Requirement::I4);
}

#[test]
fn environments_have_two_codes_and_some_names() {
    for name in ["ppr", "PPR", "preprod", "Pre-Production"] {
        assert_eq!(EnvironmentCode::from_name(name), Ok(PPR));
    }
    for name in ["prd", "PROD", "production"] {
        assert_eq!(EnvironmentCode::from_name(name), Ok(EnvironmentCode::Production));
    }
    for name in ["", "sandbox", "PPD"] {
        let refusal = EnvironmentCode::from_name(name).unwrap_err();
        assert_eq!(refusal.requirement(), Requirement::I5);
    }
}

#[test]
fn a_subject_has_all_its_parts_in_order() {
    let holder = Holder {
        country: "FR",
        state: "Ile-de-France",
        locality: "Paris",
        organization: "Banque",
        organizational_unit: "Cards",
    };
    let name = named(Service::Xpay, CommonName::default_template(), &RSA_4096).unwrap();
    let subject = holder.subject(&name).unwrap().to_string();
    assert_eq!(subject, "CN=TLSMA-RSA/TSP0001/TSH/TSP.PPR,OU=Cards,O=Banque,L=Paris,ST=Ile-de-France,C=FR");
    let empty = Holder { organization: " ", ..holder }.subject(&name).unwrap_err();
    assert_eq!((empty.requirement(), empty.to_string().as_str()), (Requirement::I3, "O is empty"));
    let long = Identifier::new(Service::Xpay, &"x".repeat(60)).unwrap();
    let name = CommonName::from_template(Service::Xpay, CommonName::default_template(), &RSA_4096, &long, PPR).unwrap();
    assert_eq!(holder.subject(&name).unwrap_err().requirement(), Requirement::I4);
}

#[test]
fn a_self_signed_certificate_is_valid_for_two_years_at_most() {
    assert!(check_days(1).is_ok() && check_days(730).is_ok());
    for days in [0, 731, 1095, u64::MAX] {
        assert_eq!(check_days(days).unwrap_err().requirement(), Requirement::I6);
    }
    assert_eq!(merchant_subject("").unwrap_err().requirement(), Requirement::I4);
    assert_eq!(merchant_subject("merchant 1").unwrap().to_string(), "CN=merchant 1");
}
