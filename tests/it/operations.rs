//! What becomes of each call that Thales makes, seen from both sides: the caller's, over mutual TLS, and the backend's.
//! Verbs, paths, kinds and acknowledgements stand here once more, so that the catalogue can be wrong; bodies are made
//! from the API descriptions.

mod causes;
mod cof;
mod example;
mod overrides;
mod passing;
mod refusals;
mod served;
mod several_products;
mod token_endpoints;
mod told;
mod unknown;

/// An operation as this file has it.
#[derive(Clone, Copy, Debug)]
struct Row {
    product: &'static str,
    name: &'static str,
    /// The file of `tests/data/openapi` that describes it.
    file: &'static str,
    verb: &'static str,
    path: &'static str,
    kind: &'static str,
    /// The status of a success.
    success: u16,
    /// What `allow` says where it is called with another verb.
    allow: &'static str,
}

macro_rules! operations {
    ($($test:ident: $product:literal $name:literal in $file:literal, $verb:literal $path:literal, $kind:literal,
       $success:literal, $allow:literal;)*) => {
        mod passes {
            $(#[tokio::test]
            async fn $test() {
                super::passing::check($crate::operations::row::$test).await;
            })*
        }

        mod is_refused {
            $(#[tokio::test]
            async fn $test() {
                super::refusals::check($crate::operations::row::$test).await;
            })*
        }

        #[allow(non_upper_case_globals, reason = "named as the tests are")]
        mod row {
            $(pub(super) const $test: super::Row = super::Row {
                product: $product,
                name: $name,
                file: $file,
                verb: $verb,
                path: $path,
                kind: $kind,
                success: $success,
                allow: $allow,
            };)*

            pub(super) const ALL: &[super::Row] = &[$($test),*];
        }
    };
}

operations! {
    cof_notify_token_creation: "cof" "notifyTokenCreation" in "cof-client-api",
        "POST" "/tsh-cof/notify-token-creation", "notification", 204, "POST";
    cof_notify_token_update: "cof" "notifyTokenUpdate" in "cof-client-api",
        "POST" "/tsh-cof/notify-token-update", "notification", 204, "POST";
    cof_notify_binding_creation: "cof" "notifyBindingCreation" in "cof-client-api",
        "POST" "/tsh-cof/notify-binding-creation", "notification", 204, "POST";
    cof_notify_binding_update: "cof" "notifyBindingUpdate" in "cof-client-api",
        "POST" "/tsh-cof/notify-binding-update", "notification", 204, "POST";
    cof_notify_merchant_update: "cof" "notifyMerchantUpdate" in "cof-client-api",
        "POST" "/tsh-cof/notify-merchant-update", "notification", 204, "POST";
    d1_ecom_get_access_token: "d1-ecom" "getAccessToken" in "d1-ecom-dcs-outbound",
        "POST" "/oauth2/token", "query", 200, "POST";
    d1_ecom_notify_token_update: "d1-ecom" "notifyTokenUpdate" in "d1-ecom-dcs-outbound",
        "POST" "/merchant-gateways/{merchantGatewayId}/merchants/{merchantId}/tokens/{tokenId}/notify-update",
        "notification", 204, "POST";
    d1_get_token: "d1" "getToken" in "d1-outbound-oauth2-v1",
        "POST" "/authz/d1/v1/oauth2/token", "query", 200, "POST";
    d1_get_consumer_information: "d1" "getConsumerInformation" in "d1-outbound-consumer",
        "GET" "/banking/d1/v1/issuers/{issuerId}/consumers/{consumerId}", "query", 200, "GET";
    d1_deliver_otp: "d1" "deliverOtp" in "d1-outbound-consumer",
        "POST" "/banking/d1/v1/issuers/{issuerId}/consumers/{consumerId}/otp", "command", 204, "POST";
    d1_notify_consumer_operations: "d1" "notifyConsumerOperations" in "d1-outbound-consumer",
        "POST" "/notifications/d1/v2/issuers/{issuerId}/consumers", "notification", 204, "POST";
    d1_verify_card: "d1" "verifyCard" in "d1-outbound-card-v1",
        "POST" "/cms/api/v1/issuers/{issuerId}/cards/credentials", "query", 200, "POST";
    d1_get_card_credentials_v1: "d1" "getCardCredentials" in "d1-outbound-card-v1",
        "GET" "/cms/api/v1/issuers/{issuerId}/cards/{cardId}/credentials", "query", 200, "GET";
    d1_notify_card_operation_v1: "d1" "notifyCardOperationV1" in "d1-outbound-card-v1",
        "POST" "/notifications/d1/v1/issuers/{issuerId}/cards/{cardId}/notifications", "notification", 204, "POST";
    d1_notify_card_operations: "d1" "notifyCardOperations" in "d1-outbound-card-v2",
        "POST" "/notifications/d1/v2/issuers/{issuerId}/cards", "notification", 204, "POST";
    d1_notify_card_authorisations: "d1" "notifyCardAuthorisations" in "d1-outbound-card-v2",
        "POST" "/notifications/d1/v2/issuers/{issuerId}/authorisations", "notification", 204, "POST";
    d1_get_card_credentials_v2: "d1" "getCardCredentials" in "d1-outbound-card-v2",
        "GET" "/cms/api/v1/issuers/{issuerId}/cards/{cardId}/credentials", "query", 200, "GET";
    d1_notify_digital_card_operation: "d1" "notifyDigitalCardOperation" in "d1-outbound-digital-card-v1",
        "POST" "/notifications/d1/v1/issuers/{issuerId}/digitalCards/{digitalCardId}/notifications",
        "notification", 204, "POST";
    d1_notify_3ds_card_operation: "d1" "notify3dsCardOperation" in "d1-outbound-3ds-v1",
        "POST" "/notifications/d1/v1/issuers/{issuerId}/cards/{cardId}/3ds/notifications", "notification", 204, "POST";
    d1_get_card_pin: "d1" "getCardPin" in "d1-outbound-pin-v1",
        "GET" "/cms/api/v1/issuers/{issuerId}/cards/{cardId}/pin", "query", 200, "GET, PUT";
    d1_set_card_pin: "d1" "setCardPin" in "d1-outbound-pin-v1",
        "PUT" "/cms/api/v1/issuers/{issuerId}/cards/{cardId}/pin", "command", 204, "GET, PUT";
    tsh_auxiliary_notify_virtual_card_change:
        "tsh-auxiliary" "notifyVirtualCardChangeAux" in "tsh-issuer-gateway-auxiliary-outbound",
        "POST" "/notifyVirtualCardChange", "notification", 200, "POST";
    tsh_check_card_eligibility: "tsh" "checkCardEligibility" in "tsh-issuer-gateway-outbound",
        "POST" "/issuer/igwapi/v2.0/checkCardEligibility", "query", 200, "POST";
    tsh_request_card_digitization: "tsh" "requestCardDigitization" in "tsh-issuer-gateway-outbound",
        "POST" "/issuer/igwapi/v2.0/requestCardDigitization", "query", 200, "POST";
    tsh_send_otp: "tsh" "sendOTP" in "tsh-issuer-gateway-outbound",
        "POST" "/issuer/igwapi/v2.0/sendOTP", "command", 200, "POST";
    tsh_notify_virtual_card_change: "tsh" "notifyVirtualCardChange" in "tsh-issuer-gateway-outbound",
        "POST" "/issuer/igwapi/v2.0/notifyVirtualCardChange", "notification", 200, "POST";
    transit_create_card_account: "transit" "createCardAccount" in "tsh-transit-tes-outgoing",
        "POST" "/tes/transitapi/1/0/createCardAccount", "query", 200, "POST";
    transit_check_card_account: "transit" "checkCardAccount" in "tsh-transit-tes-outgoing",
        "POST" "/tes/transitapi/1/0/checkCardAccount", "query", 200, "POST";
    transit_provision_card: "transit" "provisionCard" in "tsh-transit-tes-outgoing",
        "POST" "/tes/transitapi/1/0/provisionCard", "query", 200, "POST";
    transit_update_card_state: "transit" "updateCardState" in "tsh-transit-tes-outgoing",
        "POST" "/tes/transitapi/1/0/updateCardState", "notification", 200, "POST";
    transit_send_script: "transit" "sendScript" in "tsh-transit-wallet-server-outgoing",
        "POST" "/sendScript", "command", 200, "POST";
    transit_push_notification: "transit" "pushNotification" in "tsh-transit-wallet-server-outgoing",
        "POST" "/pushNotification", "command", 200, "POST";
    tsp_create_token_v1: "tsp" "createToken" in "tsp-token-requestor-outgoing-v1",
        "POST" "/tsp/trapi/v1.0/tokens", "query", 200, "POST";
    tsp_create_token_v2: "tsp" "createTokenV2" in "tsp-token-requestor-outgoing-v2",
        "POST" "/tokens", "query", 200, "POST";
}

#[test]
fn every_operation_of_the_descriptions_has_its_tests() {
    let mut described = example::described();
    let mut tested: Vec<_> =
        row::ALL.iter().map(|row| (row.file.to_owned(), row.verb.to_owned(), row.path.to_owned())).collect();
    described.sort();
    tested.sort();
    assert_eq!(tested, described);
    assert_eq!(tested.len(), 34);
}

impl Row {
    /// Whether it asks for an access token.
    fn is_token_request(&self) -> bool {
        self.path.ends_with("/oauth2/token")
    }
}
