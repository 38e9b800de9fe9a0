/** Filter, permanent links and the certificate dialog. Works on values only through textContent. */
export const SCRIPT = String.raw`
'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const one = (selector) => document.querySelector(selector);
  const all = (selector, root) => [...(root || document).querySelectorAll(selector)];
  const make = (tag, text, name) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (name) element.className = name;
    return element;
  };

  // --- filter ---------------------------------------------------------------
  const form = one('#filter');
  const text = one('#filter-text');
  const node = one('#filter-node');
  const boxes = all('input[name=severity]');
  const items = all('#findings .finding').map((element) => {
    const rule = element.closest('.rule');
    return {
      element,
      rule,
      severity: rule.dataset.severity,
      nodes: JSON.parse(element.dataset.nodes),
      count: Number(element.dataset.count),
      words: (rule.dataset.text + ' ' + element.textContent).toLowerCase(),
    };
  });
  const status = one('#shown');
  const complete = status ? status.textContent : '';

  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const severities = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const wanted = node ? node.value : '';
    const rules = new Map();
    let shown = 0;
    for (const item of items) {
      const fits =
        severities.has(item.severity) &&
        (wanted === '' || item.nodes.includes(wanted)) &&
        words.every((word) => item.words.includes(word));
      item.element.hidden = !fits;
      if (fits) shown += wanted === '' ? item.count : 1;
      rules.set(item.rule, rules.get(item.rule) || fits);
    }
    for (const [rule, visible] of rules) rule.hidden = !visible;
    const filtered = words.length > 0 || wanted !== '' || severities.size < boxes.length;
    if (filtered) for (const folded of all('.folded')) folded.open = true;
    status.textContent = filtered ? shown + ' of ' + complete : complete;
  };
  const reset = () => {
    form.reset();
    filter();
  };
  if (form) {
    form.hidden = false;
    form.addEventListener('input', filter);
    form.addEventListener('submit', (event) => event.preventDefault());
  }

  // --- permanent links ------------------------------------------------------
  const reveal = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    if (id.startsWith('cert-')) {
      open(id.slice(5));
      return;
    }
    const target = id && document.getElementById(id);
    if (!target) return;
    if (form && target.closest('[hidden]')) reset();
    for (let up = target; up; up = up.parentElement) if (up.tagName === 'DETAILS') up.open = true;
    target.scrollIntoView();
  };
  window.addEventListener('hashchange', reveal);

  // --- remedies to copy -----------------------------------------------------
  if (navigator.clipboard)
    for (const code of all('#causes .fix code')) {
      const button = make('button', 'copy', 'copy');
      button.type = 'button';
      button.addEventListener('click', () =>
        navigator.clipboard.writeText(code.textContent).then(
          () => (button.textContent = 'copied'),
          () => getSelection().selectAllChildren(code)
        )
      );
      code.after(button);
    }

  // --- certificate dialog ---------------------------------------------------
  const dialog = one('#detail');
  const body = one('#detail-body');
  const day = (time) => time.slice(0, 10);
  const STATUS = {
    valid: 'valid',
    expiring: 'ends soon',
    expired: 'expired',
    'not-yet-valid': 'not valid yet',
  };
  const row = (list, term, ...values) => {
    list.append(make('dt', term));
    for (const value of values) {
      const item = make('dd');
      item.append(value);
      list.append(item);
    }
  };
  const link = (href, label, name) => {
    const anchor = make('a', label, name);
    anchor.href = href;
    anchor.addEventListener('click', () => dialog.close());
    return anchor;
  };

  function open(fingerprint) {
    if (!Object.hasOwn(data.certificates, fingerprint)) return;
    const certificate = data.certificates[fingerprint];
    one('#detail-title').textContent = certificate.subject || '(no subject)';
    const list = make('dl');
    const left =
      certificate.days < 0 ? -certificate.days + ' days ago' : certificate.days + ' days left';
    row(list, 'status', STATUS[certificate.status] + ', ' + left);
    row(list, 'kind', certificate.authority ? 'certificate authority' : 'end entity');
    row(list, 'issuer', certificate.issuer);
    row(list, 'valid', day(certificate.notBefore) + ' to ' + day(certificate.notAfter));
    if (certificate.effectiveNotAfter !== certificate.notAfter)
      row(list, 'chain ends', day(certificate.effectiveNotAfter));
    row(list, 'SHA-256', make('code', fingerprint));
    row(list, 'found in', ...certificate.places.map((place) => make('code', place)));
    if (certificate.more > 0) row(list, '', 'and ' + certificate.more + ' more places');
    if (certificate.uses.length > 0)
      row(
        list,
        'used for',
        ...certificate.uses.map(([standing, id]) => {
          const use = make('span', id, 'use ' + standing);
          if (standing === 'broken') use.textContent = id + ' (fails)';
          if (standing === 'forbidden') use.textContent = id + ' (open, must be refused)';
          if (standing === 'unknown') use.textContent = id + ' (unknown)';
          return use;
        })
      );
    if (certificate.findings.length > 0)
      row(
        list,
        'findings',
        ...certificate.findings.map(([id, message]) => link('#finding-' + id, message))
      );
    body.replaceChildren(list);
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
  }
  one('#detail-close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.addEventListener('click', (event) => {
    const anchor = event.target.closest && event.target.closest('a[data-cert]');
    if (!anchor || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(anchor.dataset.cert);
  });
  for (const anchor of all('a[data-cert]')) anchor.setAttribute('aria-haspopup', 'dialog');

  // --- paper ----------------------------------------------------------------
  let closed = [];
  window.addEventListener('beforeprint', () => {
    closed = all('details:not([open])');
    for (const details of closed) details.open = true;
  });
  window.addEventListener('afterprint', () => {
    for (const details of closed) details.open = false;
  });

  reveal();
})();
`
