//! Rules for policies beyond Cedar's own: each has an id, a citation, and only annotations with a meaning.

use cedar_policy as cedar;

use crate::domain::determination::{HoldClock, LawAction, Obligation};
use crate::domain::ids::InvalidId;
use crate::domain::text::says_something;
use crate::policy::claims;

/// What a policy is about, and so which rules it must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PolicyKind {
    /// `access.cedar`: who may call what.
    Access,
    /// `law/`: what a jurisdiction's law says.
    Law,
}

/// The rule that a policy breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// A determination could not name it.
    #[error("has no @id")]
    NoId,
    /// It could not be told from the other policy.
    #[error("bears an @id that another policy bears")]
    DuplicateId,
    /// A ruling needs a source.
    #[error("has no @cite")]
    NoCite,
    /// A misspelt annotation would silently mean nothing.
    #[error("has an annotation that means nothing here")]
    UnknownAnnotation,
    /// An annotation without text has no meaning.
    #[error("has an empty annotation")]
    EmptyAnnotation,
    /// A duty is a permit that must be used.
    #[error("has a @duty that is not \"must\" on a permit")]
    Duty,
    /// A review is a forbid that a person may lift.
    #[error("has a @review that is not on a forbid")]
    Review,
    /// A clock bounds only a hold that is allowed.
    #[error("has a @clock that is none, or not on a permit of hold alone")]
    Clock,
    /// It would be unclear what is owed.
    #[error("has an @obligation that is not a list of known ones")]
    Obligation,
    /// A receipt is for a request to hold or to notify, and only an obligation can be owed from it.
    #[error("has an @owed that is not \"receipt\", or not beside an @obligation on holding or notice")]
    Owed,
    /// It would apply to acts that nobody considered.
    #[error("names no action, or one that its file does not speak to")]
    Action,
    /// One claim could undo another.
    #[error("reads what the requester claims in two directions, or in a way that has none")]
    Claim,
    /// What the requester asks for is the requester's word: a citation must say that the law rests on it.
    #[error(
        "is a permit that reads what was asked without @trigger, or bears a @trigger and reads nothing that was asked"
    )]
    Trigger,
    /// Nothing here links templates.
    #[error("is a template")]
    Template,
}

/// Checks one policy and returns its id.
pub(crate) fn check(policy: &cedar::Policy, kind: PolicyKind) -> Result<&str, Rule> {
    let known: &[&str] = match kind {
        PolicyKind::Access => &["id"],
        PolicyKind::Law => &["id", "cite", "duty", "review", "obligation", "clock", "switch", "trigger", "owed"],
    };
    for (word, value) in policy.annotations() {
        if !known.contains(&word) {
            return Err(Rule::UnknownAnnotation);
        }
        if !says_something(value) {
            return Err(Rule::EmptyAnnotation);
        }
    }
    let permits = policy.effect() == cedar::Effect::Permit;
    if policy.annotation("duty").is_some_and(|duty| duty != "must" || !permits) {
        return Err(Rule::Duty);
    }
    if policy.annotation("review").is_some() && permits {
        return Err(Rule::Review);
    }
    if policy.annotation("clock").is_some_and(|word| word.parse::<HoldClock>().is_err() || !permits || !of_hold(policy))
    {
        return Err(Rule::Clock);
    }
    if policy.annotation("obligation").is_some_and(|words| obligations(words).is_err()) {
        return Err(Rule::Obligation);
    }
    if policy.annotation("owed").is_some_and(|from| {
        from != RECEIPT || policy.annotation("obligation").is_none() || !is_about_the_request(policy)
    }) {
        return Err(Rule::Owed);
    }
    if kind == PolicyKind::Law && policy.annotation("cite").is_none() {
        return Err(Rule::NoCite);
    }
    if !names_actions_of(policy, kind) {
        return Err(Rule::Action);
    }
    if kind == PolicyKind::Law {
        claims::check(policy)?;
    }
    policy.annotation("id").ok_or(Rule::NoId)
}

/// Reads an `@obligation`: words separated by commas.
pub(crate) fn obligations(words: &str) -> Result<Vec<Obligation>, InvalidId> {
    words.split(',').map(|word| word.trim().parse()).collect()
}

/// Whether a policy's obligations are owed from the receipt of the request, not from an act.
pub(crate) fn owed_on_receipt(policy: &cedar::Policy) -> bool {
    policy.annotation("owed") == Some(RECEIPT)
}

/// The only value of `@owed`.
const RECEIPT: &str = "receipt";

/// Whether a policy is about holding and nothing else.
fn of_hold(policy: &cedar::Policy) -> bool {
    named(policy).is_some_and(|actions| actions.iter().all(|action| is_act(action, LawAction::Hold)))
}

/// Whether a policy is about holding or notice. Lodging a request records what the law says of these two.
fn is_about_the_request(policy: &cedar::Policy) -> bool {
    let about = |action: &cedar::EntityUid| is_act(action, LawAction::Hold) || is_act(action, LawAction::Notify);
    named(policy).is_some_and(|actions| actions.iter().any(about))
}

fn is_act(action: &cedar::EntityUid, act: LawAction) -> bool {
    action.id().unescaped() == act.word()
}

/// The actions that a policy names. None: it names none.
fn named(policy: &cedar::Policy) -> Option<Vec<cedar::EntityUid>> {
    match policy.action_constraint() {
        cedar::ActionConstraint::Any => None,
        cedar::ActionConstraint::Eq(action) => Some(vec![action]),
        cedar::ActionConstraint::In(actions) => Some(actions),
    }
}

fn names_actions_of(policy: &cedar::Policy, kind: PolicyKind) -> bool {
    let of_kind = |action: &cedar::EntityUid| {
        let law = LawAction::ALL.iter().any(|known| known.word() == action.id().unescaped());
        law == (kind == PolicyKind::Law)
    };
    match policy.action_constraint() {
        cedar::ActionConstraint::Any => false,
        cedar::ActionConstraint::Eq(action) => of_kind(&action),
        cedar::ActionConstraint::In(actions) => actions.iter().all(of_kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::load::PolicyError;
    use crate::policy::tests::samples::with_law;

    #[test]
    fn a_policy_that_breaks_a_rule_is_refused() {
        fn check(law: &str, expected: Rule) {
            let refusal = with_law("us-zz", law).unwrap_err();
            assert!(matches!(refusal, PolicyError::Rule { broken, .. } if broken == expected), "{law}: {refusal}");
        }
        let hold = "(principal, action == Action::\"hold\", resource);";
        check(&format!("@cite(\"c\") permit {hold}"), Rule::NoId);
        check(&format!("@id(\"i\") permit {hold}"), Rule::NoCite);
        check(&format!("@id(\"i\") @cite(\" \") permit {hold}"), Rule::EmptyAnnotation);
        check(&format!("@id(\"i\") @cite permit {hold}"), Rule::EmptyAnnotation);
        check(&format!("@id(\"us-ny.disclose-citizenship\") @cite(\"c\") permit {hold}"), Rule::DuplicateId);
        check(&format!("@id(\"safeguard.sealed\") @cite(\"c\") permit {hold}"), Rule::DuplicateId);
        check(&format!("@id(\"i\") @cite(\"c\") @dutty(\"must\") permit {hold}"), Rule::UnknownAnnotation);
        check(&format!("@id(\"i\") @cite(\"c\") @duty(\"may\") permit {hold}"), Rule::Duty);
        check(&format!("@id(\"i\") @cite(\"c\") @duty(\"must\") forbid {hold}"), Rule::Duty);
        check(&format!("@id(\"i\") @cite(\"c\") @review(\"w\") permit {hold}"), Rule::Review);
        for clock in ["flat-24h", " flat-48h", "flat-48h, same-day"] {
            check(&format!("@id(\"i\") @cite(\"c\") @clock(\"{clock}\") permit {hold}"), Rule::Clock);
        }
        check(&format!("@id(\"i\") @cite(\"c\") @clock(\"flat-48h\") forbid {hold}"), Rule::Clock);
        let both = "(principal, action in [Action::\"hold\", Action::\"notify\"], resource);";
        check(&format!("@id(\"i\") @cite(\"c\") @clock(\"flat-48h\") permit {both}"), Rule::Clock);
        for words in ["tell-everybody", "serve-copy tell-counsel", "serve-copy,", "serve-copy, , tell-counsel"] {
            check(&format!("@id(\"i\") @cite(\"c\") @obligation(\"{words}\") permit {hold}"), Rule::Obligation);
        }
        for owed in ["answer", "receipt "] {
            let words = format!("@obligation(\"serve-copy\") @owed(\"{owed}\")");
            check(&format!("@id(\"i\") @cite(\"c\") {words} permit {hold}"), Rule::Owed);
        }
        check(&format!("@id(\"i\") @cite(\"c\") @owed(\"receipt\") permit {hold}"), Rule::Owed);
        let interview = "(principal, action == Action::\"interview\", resource);";
        let words = "@obligation(\"interview-advisal\") @owed(\"receipt\")";
        check(&format!("@id(\"i\") @cite(\"c\") {words} permit {interview}"), Rule::Owed);
        let permit = "@id(\"i\") @cite(\"c\") permit ";
        check(&format!("{permit}(principal, action, resource);"), Rule::Action);
        check(&format!("{permit}(principal, action == Action::\"InboxService/Receive\", resource);"), Rule::Action);
        check(&format!("{permit}(principal == ?principal, action == Action::\"hold\", resource);"), Rule::Template);
    }
}
